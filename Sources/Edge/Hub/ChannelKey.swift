/// A channel's name as what it is found by: two names are the same when their bytes are. What `==` of two strings takes
/// for the same may be two channels to Redis.
struct ChannelKey: Hashable {
    let name: String

    init(_ name: String) {
        self.name = name
    }

    static func == (lhs: ChannelKey, rhs: ChannelKey) -> Bool {
        lhs.name.utf8.span.equals(rhs.name)
    }

    func hash(into hasher: inout Hasher) {
        let isDone: Void? = name.utf8.withContiguousStorageIfAvailable {
            hasher.combine(bytes: UnsafeRawBufferPointer($0))
        }
        if isDone == nil { for byte in name.utf8 { hasher.combine(byte) } }
    }
}
