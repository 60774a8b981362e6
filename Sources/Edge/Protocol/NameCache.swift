/// The channel's name that was read last: polls of one channel come in crowds, and its name need be decoded and checked
/// for the first of them only.
final class NameCache {
    private var name = ""

    /// The name, when these are its bytes.
    func name(of bytes: Span<UInt8>) -> String? {
        bytes.count > 0 && bytes.equals(name) ? name : nil
    }

    /// Keeps a name that was found good and that stood in a request as it is, without escapes.
    func keep(_ name: String) {
        self.name = name
    }
}
