/// What a browser makes of a stream of server-sent events: the algorithm of WHATWG HTML, 9.2.5 and 9.2.6, word for word.
///
/// Takes bytes in pieces of any size. UTF-8 is decoded once a line is whole, which is the same: no byte of a longer
/// character is a line end.
public struct EventSourceParser {
    /// An event as a page gets it.
    public struct Event: Equatable, Sendable {
        public var type = "message"
        public var data: String
        public var lastEventID: String
    }

    /// "the reconnection time", when the stream has set one.
    public private(set) var reconnectionTime: Int?
    /// "the last event ID string of the event source".
    public var lastEventID = ""
    /// Lines that a strict reader does not expect: unknown fields, a `retry` that is no number.
    public private(set) var oddities: [String] = []
    /// Comment lines seen.
    public private(set) var comments = 0

    private var line: [UInt8] = []
    private var endedByCarriageReturn = false
    private var isFirstLine = true
    private var data = ""
    private var type = ""
    private var idBuffer = ""

    public init(lastEventID: String = "") {
        self.lastEventID = lastEventID
        idBuffer = lastEventID
    }

    /// Takes bytes of the stream; returns the events that they complete.
    public mutating func feed(_ bytes: some Sequence<UInt8>) -> [Event] {
        var events: [Event] = []
        for byte in bytes {
            switch byte {
            case 0x0A where endedByCarriageReturn: endedByCarriageReturn = false
            case 0x0A, 0x0D:
                endedByCarriageReturn = byte == 0x0D
                if let event = endLine() { events.append(event) }
            default:
                endedByCarriageReturn = false
                line.append(byte)
            }
        }
        return events
    }

    private mutating func endLine() -> Event? {
        var bytes = line
        line = []
        if isFirstLine, bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
        isFirstLine = false
        guard !bytes.isEmpty else { return dispatch() }
        if bytes[0] == 0x3A {
            comments += 1
            return nil
        }
        let text = String(decoding: bytes, as: UTF8.self)
        let colon = text.firstIndex(of: ":")
        var value = colon.map { text[text.index(after: $0)...] } ?? ""
        if value.first == " " { value.removeFirst() }
        field(String(text[..<(colon ?? text.endIndex)]), String(value))
        return nil
    }

    private mutating func field(_ name: String, _ value: String) {
        switch name {
        case "event": type = value
        case "data": data += value + "\n"
        case "id": if !value.utf8.contains(0) { idBuffer = value } else { oddities.append("id with NUL") }
        case "retry":
            if !value.isEmpty, value.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) {
                reconnectionTime = Int(value)
            } else {
                oddities.append("retry: \(value)")
            }
        default: oddities.append(name)
        }
    }

    private mutating func dispatch() -> Event? {
        lastEventID = idBuffer
        defer {
            data = ""
            type = ""
        }
        guard !data.isEmpty else { return nil }
        if data.hasSuffix("\n") { data.removeLast() }
        return Event(type: type.isEmpty ? "message" : type, data: data, lastEventID: lastEventID)
    }
}
