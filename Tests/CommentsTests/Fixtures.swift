import JSON
import Pipeline
import Testing

/// An event as a lane passes it to a stage.
func event(_ text: String) throws -> Event {
    let raw = [UInt8](text.utf8)
    return Event(fields: try JSONParser(maxBytes: 1 << 22).parseObject(raw), raw: raw)
}

func event(_ fields: JSONObject) -> Event {
    Event(fields: fields, raw: fields.bytes)
}

/// The disposition of a stage, in a form that can be compared.
enum Decision: Equatable {
    case forward([JSONObject])
    case publish(JSONObject, [String])
    case drop(String)
    case hold(JSONObject, String)
    case reject(String)

    init(_ disposition: Disposition) {
        switch disposition {
        case .forward(let events): self = .forward(events.map(\.fields))
        case .assign(let event, _): self = .forward([event.fields])
        case .publish(let event, let channels): self = .publish(event.fields, channels)
        case .drop(let reason): self = .drop(reason)
        case .hold(let event, let reason): self = .hold(event.fields, reason)
        case .reject(let reason): self = .reject(reason)
        }
    }

    /// The members of the single forwarded event; nil for any other decision.
    var forwarded: JSONObject? {
        if case .forward(let events) = self, events.count == 1 { events[0] } else { nil }
    }

    var rejection: String? {
        if case .reject(let reason) = self { reason } else { nil }
    }

    var holdReason: String? {
        if case .hold(_, let reason) = self { reason } else { nil }
    }
}
