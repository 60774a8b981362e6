/// How readers of a measurement ask, and where they find the place to ask from next.
public enum ReaderProtocol: String, Sendable, CaseIterable {
    /// Long-polls by offset: `Stream-Next-Offset` (Durable Streams). Tidings and the bare loop.
    case poll
    /// Server-sent events from the same address.
    case stream
    /// Long-polls as Nchan wants them: by `Last-Modified` and `Etag` of the answer before.
    case nchan

    /// A request for what comes after a place.
    ///
    /// - Parameter place: as ``take(field:value:into:)`` left it; empty at the beginning.
    func write(_ request: inout [UInt8], channel: Int, place: ArraySlice<UInt8>) {
        request.removeAll(keepingCapacity: true)
        switch self {
        case .poll, .stream:
            request.append(contentsOf: "GET /v1/channels/\(Self.channelName(channel))?offset=".utf8)
            if place.isEmpty { request.append(contentsOf: "-1".utf8) } else { request.append(contentsOf: place) }
            request.append(contentsOf: (self == .poll ? "&live=long-poll&timeout=55" : "&live=sse").utf8)
            request.append(contentsOf: " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".utf8)
        case .nchan:
            request.append(contentsOf: "GET /sub/\(channel) HTTP/1.1\r\nHost: 127.0.0.1\r\n".utf8)
            request.append(contentsOf: place)
            request.append(contentsOf: "\r\n".utf8)
        }
    }

    /// The name of a measurement's channel in Tidings and in the bare loop.
    public static func channelName(_ channel: Int) -> String { "thread:bench-\(channel)" }

    /// Looks at a field of an answer's head, and keeps what the next request needs of it.
    func take(line: UnsafeRawBufferPointer, into place: inout [UInt8]) {
        func isField(_ name: StaticString) -> Bool {
            guard line.count > name.utf8CodeUnitCount else { return false }
            return (0..<name.utf8CodeUnitCount).allSatisfy { line[$0] == name.utf8Start[$0] }
        }
        switch self {
        case .poll where isField("Stream-Next-Offset: "):
            place = Array(line.dropFirst(20))
        case .nchan where isField("Last-Modified: "):
            place = Array("If-Modified-Since: ".utf8) + line.dropFirst(15) + [13, 10]
        case .nchan where isField("Etag: "):
            place += Array("If-None-Match: ".utf8) + line.dropFirst(6) + [13, 10]
        default: break
        }
    }
}
