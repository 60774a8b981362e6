/// What an answer means for the event that was sent. Pure.
enum WebhookOutcome: Equatable {
    /// The receiver has it.
    case delivered
    /// It is to be sent again; what an operator reads. `pause`: the receiver asked not to be called again before so many
    /// milliseconds have passed.
    case failed(String, pause: Int64? = nil)

    /// No receiver can stop its sender for longer, in milliseconds.
    static let maxPause: Int64 = 60_000
    private static let maxShown = 200

    /// - Parameters:
    ///   - url: as it may be shown.
    ///   - timeout: of the request, in milliseconds.
    init(of response: CurlResponse, from url: String, timeout: Int64) {
        let isTaken = (200..<300).contains(response.status)
        switch response.end {
        // The status says that it has the event; what an overlong answer goes on to say is of no use.
        case .answered where isTaken, .tooLarge where isTaken:
            self = .delivered
        case .answered, .tooLarge:
            let said = WebhookOutcome.shown(response.body)
            let pause = response.status == 429 || response.status == 503 ? response.retryAfter : nil
            self = .failed(
                "\(url) answered \(response.status)\(said.isEmpty ? "" : ": \(said)")",
                pause: pause.map { min($0, WebhookOutcome.maxPause / 1000) * 1000 })
        case .timedOut:
            self = .failed("\(url) gave no whole answer within \(timeout) ms")
        case .failed(let reason):
            self = .failed("\(url) gave no answer: \(reason)")
        }
    }

    /// The beginning of a body on one line.
    private static func shown(_ body: [UInt8]) -> String {
        let text = String(decoding: body, as: UTF8.self).unicodeScalars
            .map { $0.properties.generalCategory == .control ? " " : Character($0) }
        return String(text.prefix(maxShown)).split(separator: " ").joined(separator: " ")
    }
}
