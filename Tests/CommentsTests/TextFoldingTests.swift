import Testing

@testable import Comments

@Suite("Text folding")
struct TextFoldingTests {
    @Test(
        "texts that look alike become alike",
        arguments: [
            ("Free  money", "Free money"), ("\t a\r\n\n b ", "a b"), ("v\u{200B}i\u{AD}a\u{FEFF}gra", "viagra"),
            ("ｖｉａｇｒａ！", "viagra!"), ("𝐯𝒊𝓪𝔤𝕣𝚊 𝟗", "viagra 9"), ("a\u{3000}\u{A0}b", "a b"),
            ("\u{202E}abc\u{202C}", "abc"),
            ("naïve 日本", "naïve 日本"), ("", ""), (" \u{200B} ", ""), ("❤\u{FE0F}", "❤"), ("a\u{0}b\u{7F}", "ab"),
        ])
    func folds(text: String, expected: String) {
        #expect(String(decoding: TextFolding.folded(text), as: UTF8.self) == expected)
        #expect(TextFolding.isBlank(text) == expected.isEmpty)
    }

    @Test(
        "links are counted by what they begin with",
        arguments: [
            ("none at all, nor example.com", 0), ("http://a https://b www.c", 3), ("HTTPS://WWW.example.com", 1),
            ("http://http://x", 1), ("xhttp://a", 1), ("http:// www.", 2), ("ftp://a", 0), ("www", 0),
        ])
    func links(text: String, count: Int) {
        #expect(LinkCount.links(in: TextFolding.folded(text)) == count)
    }
}
