import Comments
import Testing

@Suite("Channel names")
struct ChannelNameTests {
    @Test(
        "a name has 1 to 256 bytes, no control characters, no braces",
        arguments: [
            ("thread:42", true), ("", false), (String(repeating: "x", count: 256), true),
            (String(repeating: "x", count: 257), false), (String(repeating: "é", count: 129), false), ("a\nb", false),
            ("a\u{0}", false), ("a\u{7F}", false), ("a\u{85}", false), ("a\u{A0}b", true), ("{a}", false),
            ("a}", false),
            ("a b", true), ("日本", true),
        ])
    func names(name: String, isValid: Bool) {
        #expect(ChannelName.isValid(name) == isValid)
    }
}
