import JSON
import TestSupport
import Testing

@testable import Comments

@Suite("Hostile markup")
struct HostileMarkupTests {
    private func format(_ fields: JSONObject) -> JSONObject {
        var fields = fields
        CommentFormatter(options: FormatOptions()).format(&fields)
        return fields
    }

    private func problem(_ text: String) -> String? {
        let fields = format(["text": .string(text), "author": ["name": .string(text)], "title": .string(text)])
        // Nothing in the published JSON can begin a tag or a comment, or end a script.
        if fields.text.replacing("<br>", with: "").contains("<") { return "a bare < on the wire" }
        guard let html = fields["html"]?.string else { return "no html" }
        return MarkupCheck.problem(in: html)
    }

    @Test("the check itself takes what is allowed and nothing else")
    func check() {
        let link = "<a href=\"http://x\" rel=\"nofollow ugc noopener\" target=\"_blank\">x</a>"
        #expect(MarkupCheck.problem(in: "a &lt; b<br>\(link) <span class=\"mention\">@x</span>") == nil)
        for bad in [
            "<b>", "a & b", "&nbsp;", "<a href=\"http://x\">x</a>", link.replacing("http", with: "javascript"), "<br/>",
            link.replacing("//x", with: "//x'"), "<span class=\"mention\">@x\"</span>",
            link.replacing("\">x", with: "\" onclick=\"x\">x"), "<span class=\"mention\">@</span>", "<BR>", "\u{202E}",
            link.replacing("//x", with: "//x\"y"),
            String(link.dropLast(4)), link.replacing("//x", with: "//x y"), "<span class=\"mention\">@x<br></span>",
        ] {
            #expect(MarkupCheck.problem(in: bad) != nil, "\(bad)")
        }
    }

    @Test("no known attack leaves anything but text, links, mentions and breaks", arguments: HostileMarkup.strings)
    func known(text: String) {
        for attack in [
            text, "x\(text)", "http://a.example/\(text)", "www.a.example?\(text)", "@\(text)", "\(text)\n\(text)",
            "(\(text))",
        ] {
            #expect(problem(attack) == nil, "\(attack)")
        }
    }

    @Test("nor do known attacks as an address", arguments: HostileMarkup.strings)
    func addresses(text: String) throws {
        for key in ["url", "avatar_url", "link", "Avatar"] {
            let author = try #require(
                format(["text": "x", "author": ["name": "A", key: .string(text)]])["author"]?.object)
            guard let left = author[key]?.string else { continue }
            let start = left.lowercased().filter { $0 > " " }
            let scheme = start.prefix { $0 != ":" && $0 != "/" && $0 != "?" && $0 != "#" }
            if scheme.count < start.count, start.dropFirst(scheme.count).first == ":" {
                #expect(["http", "https", "mailto"].contains(String(scheme)), "\(left)")
            }
            #expect(!scheme.contains("&") && !scheme.contains("<"), "\(left)")
        }
    }

    @Test("no shuffle of their pieces does either", arguments: [1, 2, 3, 4] as [UInt64])
    func shuffled(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let pieces =
            HostileMarkup.strings + [
                "http://", "https://a.example", "www.", "www.a.example/", "@", "@ann", "\"", "'", "<", ">", "&", "\n",
                "\r", " ", "\\", "(", ")",
                "\u{202E}", "\u{2067}", "\u{0}", "\u{85}", "é", "😀", ".", "`", "/", ":", "#", "=", "&amp;", "</a>",
                "\u{200B}", "\u{2029}", "]", "[",
            ]
        for round in 0..<3000 {
            var text = ""
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                let piece = pieces.randomElement(using: &random) ?? ""
                let cut = Int.random(in: 0...piece.count, using: &random)
                text += Bool.random(using: &random) ? piece : String(piece.prefix(cut))
            }
            let problem = problem(text)
            try #require(problem == nil, "seed \(seed) round \(round): \(problem ?? "") in \(text.debugDescription)")
        }
    }
}
