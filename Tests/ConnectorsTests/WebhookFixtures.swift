import JSON
import Pipeline

@testable import Connectors

/// What tests sign with: the secret of the example in the documentation of Standard Webhooks.
let webhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

/// An event as a lane hands it to a stage.
func webhookEvent(_ text: String) throws -> Event {
    let raw = Array(text.utf8)
    return Event(fields: try JSONParser(maxBytes: 1 << 20).parseObject(raw), raw: raw)
}

extension CurlResponse {
    static func answered(_ status: Int, retryAfter: Int64? = nil, body: String = "") -> CurlResponse {
        CurlResponse(end: .answered, status: status, retryAfter: retryAfter, body: Array(body.utf8))
    }
}
