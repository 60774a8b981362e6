import Events
import Signing

/// Sends signed messages to one receiver (Standard Webhooks, https://www.standardwebhooks.com).
///
/// One for a stage and worker: its lanes share the connections, and a pause that the receiver has asked for. Starts when
/// it is first needed. All calls come on the loop's thread.
public final class WebhookClient {
    let options: WebhookOptions
    /// Where it sends, as it may be shown.
    var destination: String { url.description }

    private let url: WebhookURL
    private let secrets: [WebhookSecret]
    private var multi: CurlMultiHandle?
    /// The receiver wants to be left alone until then, on the monotonic clock in milliseconds.
    private var pausedUntil: Int64 = 0

    /// Connections that are kept open for later requests, of all lanes together.
    private static let connections = 64

    /// - Throws: ``ConnectorsError/Code/option``, see ``WebhookOptions/validate()``.
    public init(_ options: WebhookOptions) throws(ConnectorsError) {
        try options.validate()
        self.options = options
        url = try WebhookURL(options.url)
        secrets = try WebhookSecret.list(options.secret)
    }

    /// Makes it ready to send; nothing when it is already.
    ///
    /// - Throws: ``ConnectorsError/Code/library`` when libcurl is missing, with what to install.
    func start(on loop: EventLoop) throws(ConnectorsError) {
        if multi == nil { multi = try CurlMultiHandle(on: loop, connections: WebhookClient.connections) }
    }

    /// Sends a body. `completion` is called once, later, unless it is cancelled before.
    ///
    /// - Returns: what ``cancel(_:)`` takes.
    /// - Throws: ``ConnectorsError/Code/library`` when it is not started, or memory is out.
    func post(
        _ body: [UInt8], id: WebhookID, completion: @escaping (WebhookOutcome) -> Void
    ) throws(ConnectorsError) -> UInt64 {
        guard let multi else { throw ConnectorsError(.library, "the webhook's client is not started") }
        let request = CurlRequest(
            url: url.text, caFile: options.caFile, timeout: options.timeout,
            headers: try headers(for: body, id: id, timestamp: Clock.unixMilliseconds() / 1000), body: body)
        return try multi.start(request) { [weak self] response in
            if let self { completion(self.judged(response)) }
        }
    }

    /// Ends a request that was started; harmless when it has ended.
    func cancel(_ call: UInt64) {
        multi?.cancel(call)
    }

    /// Whether the receiver has asked for a pause that is not over.
    func isPaused(at now: Int64) -> Bool { now < pausedUntil }

    private func judged(_ response: CurlResponse) -> WebhookOutcome {
        let outcome = WebhookOutcome(of: response, from: destination, timeout: options.timeout)
        if case .failed(_, let pause?) = outcome {
            pausedUntil = max(pausedUntil, Clock.monotonicMilliseconds() + pause)
        }
        return outcome
    }

    private func headers(
        for body: [UInt8], id: WebhookID, timestamp: Int64
    ) throws(ConnectorsError) -> [String] {
        let id = id.description
        var signatures: [String] = []
        do throws(SigningError) {
            for secret in secrets { signatures.append(try secret.signature(id: id, timestamp: timestamp, body: body)) }
        } catch {
            throw ConnectorsError(.library, error.message)
        }
        return [
            "Content-Type: application/json", "User-Agent: Tidings", "webhook-id: \(id)",
            "webhook-timestamp: \(timestamp)", "webhook-signature: \(signatures.joined(separator: " "))",
            // curl would wait for a "100 Continue" before it sends a long body.
            "Expect:",
        ]
    }
}

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
