/// The channel's name that was read last: polls of one channel come in crowds, and its name need be decoded and checked
/// for the first of them only.
final class NameMemo {
    private var name = ""

    /// The name, when these are its bytes.
    func name(of bytes: Span<UInt8>) -> String? {
        let isSame = name.utf8.withContiguousStorageIfAvailable { known in
            guard known.count == bytes.count, known.count > 0 else { return false }
            for index in 0..<known.count where known[index] != bytes[index] { return false }
            return true
        }
        return isSame == true ? name : nil
    }

    /// Keeps a name that was found good and that stood in a request as it is, without escapes.
    func keep(_ name: String) {
        self.name = name
    }
}
