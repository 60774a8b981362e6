import Foundation
import Signing
import TestSupport
import Testing

@testable import Connectors

@Suite("docs/webhooks.md")
struct WebhookDocumentationTests {
    @Test("the receiver's code there takes what is signed here, and nothing else")
    func verification() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "../..")
        let text = try String(contentsOf: root.appending(path: "docs/webhooks.md"), encoding: .utf8)
        let code = try #require(
            text.components(separatedBy: "```python\n").dropFirst().first?.components(separatedBy: "```").first)
        let other = "whsec_" + Base64.encode(repeatElement(7, count: 32))
        let body = Array(#"{"thread":"a","text":"é"}"#.utf8)
        let id = try WebhookID(of: body).description
        let now = Int64(Date().timeIntervalSince1970)

        /// A statement of Python that prints whether the receiver accepts a message.
        func check(_ secret: String, timestamp: Int64, body received: [UInt8]) throws -> String {
            let signatures = try [other, webhookSecret].map {
                try WebhookSecret($0).signature(id: id, timestamp: timestamp, body: body)
            }
            return """
                print(verify("\(secret)", {"webhook-id": "\(id)", "webhook-timestamp": "\(timestamp)",
                    "webhook-signature": "\(signatures.joined(separator: " "))"},
                    base64.b64decode("\(Base64.encode(received))")))
                """
        }
        let checks = [
            try check(webhookSecret, timestamp: now, body: body),
            try check(other, timestamp: now, body: body),
            try check("whsec_" + Base64.encode(repeatElement(8, count: 32)), timestamp: now, body: body),
            try check(webhookSecret, timestamp: now, body: body + [32]),
            try check(webhookSecret, timestamp: now - 1000, body: body),
        ]
        let script = ([code, "import base64"] + checks).joined(separator: "\n")
        let result = try ChildProcess.run("python3", ["-c", script])
        #expect(result.succeeded, "\(result.errors)")
        #expect(result.output == "True\nTrue\nFalse\nFalse\nFalse\n")
    }
}
