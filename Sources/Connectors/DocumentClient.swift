public import Events
import Glibc

/// Fetches a small document over HTTP, again and again: a key set. All calls are made on the loop's thread, and none blocks
/// it.
public final class DocumentClient {
    private let url: WebhookURL
    private let caFile: String?
    private let multi: CurlMultiHandle
    private var call: UInt64?

    /// The time from the start to the last byte, in milliseconds.
    public static let timeout: Int64 = 10_000

    /// - Parameter caFile: certificates to trust in place of the system's; nil: the system's.
    /// - Throws: ``ConnectorsError/Code/option``, ``ConnectorsError/Code/library``.
    public init(on loop: EventLoop, url: String, caFile: String?) throws(ConnectorsError) {
        self.url = try WebhookURL(url, of: DocumentClient.subject)
        if let caFile, access(caFile, R_OK) != 0 {
            throw ConnectorsError(.option, "\(caFile) cannot be read: \(String(cString: strerror(errno)))")
        }
        self.caFile = caFile
        multi = try CurlMultiHandle(on: loop, connections: 1)
    }

    deinit {
        if let call { multi.cancel(call) }
    }

    /// Checks a URL without the network.
    ///
    /// - Throws: ``ConnectorsError/Code/option``.
    public static func check(url: String) throws(ConnectorsError) {
        _ = try WebhookURL(url, of: subject)
    }

    private static let subject = "the URL of a document"

    /// The URL without credentials and query, for messages.
    public var destination: String { url.description }

    /// Fetches the document. Calls `completion` once, after this returns, unless this object is released before: with the
    /// body of an answer 200, of at most 64 KiB, or why there is none.
    ///
    /// - Throws: ``ConnectorsError/Code/library`` when memory is out.
    public func get(_ completion: @escaping (Result<[UInt8], ConnectorsError>) -> Void) throws(ConnectorsError) {
        let request = CurlRequest(
            url: url.text, caFile: caFile, timeout: DocumentClient.timeout,
            headers: ["Accept: application/json", "User-Agent: Tidings"], body: nil)
        call = try multi.start(request) { [weak self] response in
            guard let self else { return }
            self.call = nil
            completion(self.judged(response))
        }
    }

    private func judged(_ response: CurlResponse) -> Result<[UInt8], ConnectorsError> {
        let problem: String
        switch response.end {
        case .answered where response.status == 200: return .success(response.body)
        case .answered where (300..<400).contains(response.status):
            problem = "answered \(response.status): redirects are not followed, name the address that it leads to"
        case .answered: problem = "answered \(response.status)"
        case .tooLarge: problem = "answered more than 64 KiB"
        case .timedOut: problem = "gave no whole answer within \(DocumentClient.timeout) ms"
        case .failed(let reason): problem = "gave no answer: \(reason)"
        }
        return .failure(ConnectorsError(.fetch, "\(destination) \(problem)"))
    }
}
