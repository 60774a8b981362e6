import Testing

@testable import Connectors

@Suite("options of a webhook")
struct WebhookOptionsTests {
    @Test(
        "a URL is shown without credentials and query",
        arguments: [
            ("https://example.org/hook", "https://example.org/hook"),
            ("https://ann:p%40ss@example.org:8443/hook?token=abc", "https://example.org:8443/hook"),
            ("http://a@b@example.org", "http://example.org"),
            ("HTTP://[::1]:80/x", "http://[::1]:80/x"), ("http://[::1]", "http://[::1]"),
            ("http://localhost?x=/y@z", "http://localhost"), ("http://1.2.3.4/a@b", "http://1.2.3.4/a@b"),
        ])
    func shown(_ text: String, _ shown: String) throws {
        let url = try WebhookURL(text)
        #expect(url.description == shown)
        #expect(url.text == text)
    }

    @Test(
        "what is no URL of a receiver is refused",
        arguments: [
            "", "example.org/hook", "ftp://example.org/", "file:///etc/passwd", "http://", "https:///hook",
            "http://user@/hook", "http://example.org:0/", "http://example.org:x/", "http://example.org:65536/",
            "http://exa mple.org/", "http://example.org/\r\nX-Y: z", "http://bücher.example/", "http://[]/",
            "http://example.org/#top", "http://:80/", "http://a,b/",
            "http://example.org/" + String(repeating: "a", count: 2048),
        ])
    func refusedURL(_ text: String) {
        #expect(throws: ConnectorsError.self) { try WebhookURL(text) }
    }

    @Test("options that are well formed are taken")
    func taken() throws {
        var options = WebhookOptions(url: "https://example.org/hook", secret: webhookSecret)
        try options.validate()
        options.types = ["comment.created"]
        options.timeout = 10_000
        options.inFlight = 256
        options.caFile = "/dev/null"
        _ = try WebhookClient(options)
    }

    @Test("each option has its limits, and a message that says which")
    func limits() {
        let changes: [(word: String, change: (inout WebhookOptions) -> Void)] = [
            ("https://", { $0.url = "x" }), ("secret", { $0.secret = "x" }), ("secret", { $0.secret = " " }),
            ("timeout", { $0.timeout = 99 }), ("timeout", { $0.timeout = 10_001 }), ("in_flight", { $0.inFlight = 0 }),
            ("in_flight", { $0.inFlight = 257 }), ("types", { $0.types = [] }), ("types", { $0.types = ["a", ""] }),
            ("ca_file", { $0.caFile = "/no/such/file" }),
        ]
        for (word, change) in changes {
            var options = WebhookOptions(url: "https://example.org/hook", secret: webhookSecret)
            change(&options)
            let error = #expect(throws: ConnectorsError.self) { try options.validate() }
            #expect(error?.message.contains(word) == true)
            #expect(error?.code == .option)
        }
    }
}
