import Events
import Signing

/// Sends signed messages to one receiver (Standard Webhooks, https://www.standardwebhooks.com).
///
/// Each worker has one for each stage `webhook`: the lanes share the connections, and a pause that the receiver has
/// asked for. All calls are made on the loop's thread.
public final class WebhookClient {
    let options: WebhookOptions
    /// The receiver's URL without credentials, for messages.
    var destination: String { url.description }

    private let url: WebhookURL
    private let secrets: [WebhookSecret]
    private var multi: CurlMultiHandle?
    /// The end of the pause that the receiver has asked for, in milliseconds of the monotonic clock.
    private var pausedUntil: Int64 = 0

    /// The most connections that are kept open for later requests, for all lanes together.
    private static let connections = 64

    /// - Throws: ``ConnectorsError/Code/option``, see ``WebhookOptions/validate()``.
    public init(_ options: WebhookOptions) throws(ConnectorsError) {
        try options.validate()
        self.options = options
        url = try WebhookURL(options.url)
        secrets = try WebhookSecret.list(options.secret)
    }

    /// Prepares the client for sending; does nothing when it is prepared already.
    ///
    /// - Throws: ``ConnectorsError/Code/library`` when libcurl is missing, with what to install.
    func start(on loop: EventLoop) throws(ConnectorsError) {
        if multi == nil { multi = try CurlMultiHandle(on: loop, connections: WebhookClient.connections) }
    }

    /// Sends a body. Calls `completion` once, after this returns, unless the request is cancelled.
    ///
    /// - Returns: the number of the request, for ``cancel(_:)``.
    /// - Throws: ``ConnectorsError/Code/library`` when the client is not started, or memory is out.
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

    /// Cancels a request. Does nothing when the request has ended.
    func cancel(_ call: UInt64) {
        multi?.cancel(call)
    }

    /// Whether a pause that the receiver has asked for is not over.
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
            // Otherwise curl waits for "100 Continue" before it sends a long body.
            "Expect:",
        ]
    }
}

/// What a response means for the event that was sent. Pure.
enum WebhookOutcome: Equatable {
    /// The receiver has the event.
    case delivered
    /// The event has to be sent again, with a message for an operator. `pause`: the milliseconds for which the receiver
    /// asked to get no request.
    case failed(String, pause: Int64? = nil)

    /// The longest pause that a receiver can ask for, in milliseconds.
    static let maxPause: Int64 = 60_000
    private static let maxShown = 200

    /// - Parameters:
    ///   - url: without credentials.
    ///   - timeout: the timeout of the request, in milliseconds.
    init(of response: CurlResponse, from url: String, timeout: Int64) {
        let isTaken = (200..<300).contains(response.status)
        switch response.end {
        // The status says that the receiver has the event: a body that is too large does not matter.
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
