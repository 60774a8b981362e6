/// What a link in a text begins with.
enum LinkStart {
    private static let http = [UInt8]("http://".utf8)
    private static let https = [UInt8]("https://".utf8)
    private static let www = [UInt8]("www.".utf8)

    /// The length of `http://`, `https://` or `www.` at `index`, in any case; nil when none stands there.
    static func length(in text: UnsafeBufferPointer<UInt8>, at index: Int) -> Int? {
        guard index < text.count else { return nil }
        switch text[index] | 0x20 {
        case UInt8(ascii: "h"):
            if has(http, in: text, at: index) { return http.count }
            return has(https, in: text, at: index) ? https.count : nil
        case UInt8(ascii: "w"):
            return has(www, in: text, at: index) ? www.count : nil
        default: return nil
        }
    }

    private static func has(_ prefix: [UInt8], in text: UnsafeBufferPointer<UInt8>, at index: Int) -> Bool {
        guard index + prefix.count <= text.count else { return false }
        for offset in prefix.indices {
            let byte = text[index + offset]
            let isUpper = byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z")
            if (isUpper ? byte | 0x20 : byte) != prefix[offset] { return false }
        }
        return true
    }
}
