import Testing

@testable import Connectors

@Suite("outcomes of a webhook's requests")
struct WebhookOutcomeTests {
    private func judge(_ response: CurlResponse) -> WebhookOutcome {
        WebhookOutcome(of: response, from: "https://example.org/hook", timeout: 5000)
    }

    @Test("every status of 200 to 299 is a delivery", arguments: [200, 201, 202, 204, 299])
    func delivered(_ status: Int) {
        #expect(judge(.answered(status, body: "thanks")) == .delivered)
    }

    @Test("every other status is a failure, also a redirect", arguments: [199, 301, 400, 401, 404, 410, 422, 500, 503])
    func failed(_ status: Int) {
        #expect(judge(.answered(status)) == .failed("https://example.org/hook answered \(status)"))
    }

    @Test("the beginning of the answer is told on one line")
    func body() {
        let body = "no\r\n\u{1B}[31m  such\tthing " + String(repeating: "é", count: 300)
        guard case .failed(let message, nil) = judge(.answered(500, body: body)) else {
            Issue.record("no failure")
            return
        }
        #expect(message.hasPrefix("https://example.org/hook answered 500: no [31m such thing éé"))
        #expect(message.count < 260 && message.unicodeScalars.allSatisfy { $0.value >= 32 })
    }

    @Test(
        "a pause that is asked for is kept, up to a minute, with 429 and 503 only",
        arguments: [(429, 7, 7000), (503, 60, 60_000), (429, 86_400, 60_000), (429, Int64.max, 60_000), (500, 7, nil)]
            as [(Int, Int64, Int64?)])
    func pause(_ status: Int, _ asked: Int64, _ kept: Int64?) {
        #expect(
            judge(.answered(status, retryAfter: asked))
                == .failed("https://example.org/hook answered \(status)", pause: kept))
    }

    @Test("no answer is a failure that says why; an overlong one counts by its status")
    func ends() {
        func ended(_ end: CurlResponse.End, _ status: Int = 0) -> WebhookOutcome {
            judge(CurlResponse(end: end, status: status, retryAfter: nil, body: []))
        }
        #expect(ended(.timedOut) == .failed("https://example.org/hook gave no whole answer within 5000 ms"))
        #expect(ended(.timedOut, 200) == .failed("https://example.org/hook gave no whole answer within 5000 ms"))
        #expect(ended(.failed("refused")) == .failed("https://example.org/hook gave no answer: refused"))
        #expect(ended(.tooLarge, 200) == .delivered)
        #expect(ended(.tooLarge, 500) == .failed("https://example.org/hook answered 500"))
    }
}
