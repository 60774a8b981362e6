import Signing
import Testing

@testable import Connectors

@Suite("what signs a webhook")
struct WebhookSecretTests {
    @Test("the signature is that of the specification's example")
    func example() throws {
        let signature = try WebhookSecret(webhookSecret).signature(
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: 1_614_265_330, body: Array(#"{"test": 2432232314}"#.utf8))
        #expect(signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    }

    @Test("several secrets are separated by white space")
    func rotation() throws {
        #expect(
            try WebhookSecret.list(" \(webhookSecret)  whsec_\(Base64.encode(repeatElement(7, count: 64)))\n").count
                == 2)
    }

    @Test(
        "what is no secret is refused, and not repeated in the message",
        arguments: [
            "", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS*", "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_\(Base64.encode(repeatElement(7, count: 65)))",
        ])
    func refused(_ text: String) {
        let error = #expect(throws: ConnectorsError.self) { try WebhookSecret(text) }
        #expect(error?.message.contains("MfKQ") == false)
    }

    @Test("a secret does not show itself")
    func hidden() throws {
        #expect("\(try WebhookSecret(webhookSecret))" == "whsec_…")
    }

    @Test("the number of a message depends on every byte, and on nothing else")
    func number() throws {
        #expect(try "\(WebhookID(of: Array("{}".utf8)))" == "msg_44136fa355b3678a1146ad16f7e8649e")
        #expect(try WebhookID(of: [1, 2, 3]) == WebhookID(of: [1, 2, 3]))
        #expect(try WebhookID(of: [1, 2, 3]) != WebhookID(of: [1, 2, 4]))
    }
}
