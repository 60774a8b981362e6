/// Counts the links of a text: what begins with `http://`, `https://` or `www.`, upper and lower case alike. A domain
/// alone is none: too much that is no link looks like one.
enum LinkCount {
    static func links(in text: [UInt8]) -> Int {
        text.withUnsafeBufferPointer { text in
            var count = 0
            var index = 0
            while index < text.count {
                if let length = LinkStart.length(in: text, at: index) {
                    count += 1
                    index += length
                    // `http://www.` is one.
                    if let length = LinkStart.length(in: text, at: index) { index += length }
                } else {
                    index += 1
                }
            }
            return count
        }
    }
}
