import Testing

@testable import Comments

private func html(_ text: String) -> String {
    String(decoding: CommentHTML(text).html, as: UTF8.self)
}

private func link(_ address: String, _ text: String? = nil) -> String {
    "<a href=\"\(address)\" rel=\"nofollow ugc noopener\" target=\"_blank\">\(text ?? address)</a>"
}

private func mention(_ name: String) -> String {
    "<span class=\"mention\">@\(name)</span>"
}

@Suite("A comment's HTML")
struct CommentHTMLTests {
    @Test(
        "text stays text",
        arguments: [
            ("hi", "hi"), ("", ""), ("  a  b ", "a  b"), ("<b>&amp;\"'", "&lt;b&gt;&amp;amp;\"'"),
            ("a\u{0}b\u{1F}c\u{7F}d\u{9F}e", "abcde"), ("a\tb", "a\tb"), ("x\u{202E}y\u{2066}z", "xyz"),
            ("日本 😀", "日本 😀"),
        ] as [(String, String)])
    func plain(text: String, expected: String) {
        #expect(html(text) == expected)
    }

    @Test(
        "line ends become breaks, two at most",
        arguments: [
            ("a\nb", "a<br>b"), ("a\r\nb\rc", "a<br>b<br>c"), ("a\n\nb", "a<br><br>b"), ("a\n\n\n\n\nb", "a<br><br>b"),
            ("a\n \t\n\n b", "a<br><br> b"), ("\n\na\n\n", "a"), ("a\u{2028}b", "a<br>b"), ("a  \n  b", "a  <br>  b"),
        ] as [(String, String)])
    func lines(text: String, expected: String) {
        #expect(html(text) == expected)
    }

    @Test(
        "addresses become links, without the punctuation around them",
        arguments: [
            ("http://a.example", link("http://a.example")), ("HTTPS://A.example/x", link("HTTPS://A.example/x")),
            ("www.a.example", link("http://www.a.example", "www.a.example")),
            ("see http://a.example.", "see \(link("http://a.example"))."),
            ("(http://a.example/b)", "(\(link("http://a.example/b")))"),
            ("http://a.example/b_(c)", link("http://a.example/b_(c)")),
            ("(http://a.example/b_(c))", "(\(link("http://a.example/b_(c)")))"),
            ("http://a.example/?!),", "\(link("http://a.example/"))?!),"),
            ("http://a.example?x=1&y=<2>", "\(link("http://a.example?x=1&amp;y="))&lt;2&gt;"),
            ("\"http://a.example\"", "\"\(link("http://a.example"))\""),
            ("'http://a.example/it's'", "'\(link("http://a.example/it&#39;s", "http://a.example/it's"))'"),
            ("http://münchen.example/ü", link("http://münchen.example/ü")),
            ("「http://a.example」。", "「\(link("http://a.example"))」。"),
            ("http://a.example\u{200B}b", "\(link("http://a.example"))\u{200B}b"),
            ("http://a.example\\evil.example", "\(link("http://a.example"))\\evil.example"),
            ("http://[a]", "http://[a]"), ("http://a.example/@bob", link("http://a.example/@bob")),
            ("http://a.example:8080/x#y", link("http://a.example:8080/x#y")),
        ] as [(String, String)])
    func links(text: String, expected: String) {
        #expect(html(text) == expected)
    }

    @Test(
        "what only resembles an address is no link",
        arguments: [
            "http://", "https://.", "www.", "www.x", "www.x.", "xhttp://a.example", "javascript:alert(1)",
            "data:text/html,x",
            "ftp://a.example", "//a.example", "http:/a.example", "http://bank.example@evil.example",
            "http://@evil.example",
            "vbscript:x", "mailto:a@b.example", "http://:80", "http:///x", "http://?x", "http://_x",
        ])
    func noLinks(text: String) {
        #expect(!html(text).contains("<a"))
    }

    @Test("an address beyond 2048 bytes stays text")
    func longLinks() {
        let path = String(repeating: "x", count: 2030)
        #expect(html("http://a.example/\(path)").contains("<a"))
        #expect(!html("http://a.example/\(path)xx").contains("<a"))
    }

    @Test(
        "names after @ become mentions",
        arguments: [
            ("@ann", mention("ann")), ("hi @a_b-c.d!", "hi \(mention("a_b-c.d"))!"),
            ("@ann.", "\(mention("ann"))."),
            ("@ann's", "\(mention("ann"))'s"), ("(@ann,@bob)", "(\(mention("ann")),\(mention("bob")))"),
            ("@日本", mention("日本")), ("joe@example.com", "joe@example.com"), ("a.@b", "a.@b"), ("@@ann", "@@ann"),
            ("@", "@"),
            ("@ ann", "@ ann"), ("@.x", "@.x"), ("@-", "@-"), ("@a@b", "\(mention("a"))@b"), ("@<b>", "@&lt;b&gt;"),
            ("ü@ann", "ü@ann"), ("a+@b", "a+@b"),
        ] as [(String, String)])
    func mentions(text: String, expected: String) {
        #expect(html(text) == expected)
    }

    @Test("a text full of mentions or links has a few of them marked, and stays text beyond")
    func budget() {
        for piece in [
            "@ann ", "http://a.example/ ", "www.a.example ", "@a @b\nwww.c.example/x ",
            "@\(String(repeating: "n", count: 60)) ",
        ] {
            let text = String(repeating: piece, count: 16_384 / piece.utf8.count)
            let marked = html(text)
            let breaks = marked.ranges(of: "<br>").count * 3
            #expect(marked.contains("<a") || marked.contains("<span"))
            #expect(marked.utf8.count - breaks <= text.utf8.count * 9 / 8 + 1024, "\(piece): \(marked.utf8.count)")
            #expect(MarkupCheck.problem(in: marked) == nil)
        }
        let few = (0..<10).map { "@name\($0) http://a.example/\($0)" }.joined(separator: " ")
        #expect(html(few).ranges(of: "<span").count == 10)
        #expect(html(few).ranges(of: "<a ").count >= 5)
    }

    @Test("the first ten names are listed, each once")
    func mentionList() {
        #expect(CommentHTML("@b @a @b joe@x http://h.example/@c").mentions == ["b", "a"])
        #expect(CommentHTML((0..<20).map { "@n\($0)" }.joined(separator: " ")).mentions == (0..<10).map { "n\($0)" })
    }

    @Test(
        "a hostile length costs linear time",
        arguments: ["@", "http://", "www.", "\n ", "(", "http://a(", "@a.", "http://x/)"])
    func time(piece: String) {
        let text = String(repeating: piece, count: 65_536 / piece.utf8.count)
        let duration = ContinuousClock().measure { _ = CommentHTML(text) }
        #expect(duration < .seconds(5))
    }
}
