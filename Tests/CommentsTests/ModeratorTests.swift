import JSON
import Pipeline
import Testing

@testable import Comments

@Suite("moderate")
struct ModeratorTests {
    private func decide(
        _ fields: JSONObject, _ options: ModerateOptions, _ standing: AuthorStandings.Standing = .init()
    ) throws -> Decision {
        Decision(try Moderator(options).decide(event(fields), standing: standing))
    }

    @Test(
        "a blocked word is found as a whole word, in any case and disguise",
        arguments: [
            ("viagra", "buy Viagra now", true), ("viagra", "VIAGRA", true), ("viagra", "viagras", false),
            ("viagra", "éviagra", false), ("viagra", "_viagra", false), ("viagra", "viagra2", false),
            ("viagra", "(viagra)!", true),
            ("viagra", "via\u{200B}gra", true), ("viagra", "ｖｉａｇｒａ", true), ("viagra", "via gra", false),
            ("free money", "get FREE \n money", true), ("free  money", "free money", true), ("a.b", "axb", false),
            ("a.b", "a.b", true), ("$$$", "win$$$now", true), ("c++", "C++ rocks", true), ("c++", "xc++", false),
            ("größe", "GRÖSSE", false), ("größe", "GRÖẞE", true), ("спам", "это СПАМ!", true),
            ("спам", "спамер", false),
            ("日本", "日本", true), ("\\E", "a \\E b", true),
        ])
    func words(word: String, text: String, isBlocked: Bool) throws {
        let decision = try decide(["text": .string(text)], ModerateOptions(blockedWords: [word]))
        #expect((decision.holdReason != nil) == isBlocked)
    }

    @Test(
        "a blocked pattern matches anywhere in the text",
        arguments: [
            (#"(?i)free\s+money"#, "so FREE\u{3000}\u{200B} Money", true), (#"free\s+money"#, "Free money", false),
            (#"^hi$"#, "  hi\n", true), (#"\bcasino\b"#, "casinos", false), (#"[а-я]{3}"#, "привет", true),
            ("a|b", "c", false),
        ])
    func patterns(pattern: String, text: String, isBlocked: Bool) throws {
        let decision = try decide(["text": .string(text)], ModerateOptions(blockedPatterns: [pattern]))
        #expect(decision.holdReason == (isBlocked ? "The text matches the blocked pattern \"\(pattern)\"." : nil))
    }

    @Test("the author's name is searched as well")
    func names() throws {
        let options = ModerateOptions(blockedWords: ["viagra"])
        let reason = "The author's name contains the blocked word \"Viagra\"."
        #expect(try decide(["text": "hi", "author": ["name": "Viagra Bot"]], options).holdReason == reason)
        #expect(try decide(["text": "hi", "author": "Viagra Bot"], options).holdReason == reason)
    }

    @Test("too many links are held")
    func links() throws {
        let four = "http://a https://b www.c http://d"
        #expect(
            try decide(["text": .string(four)], ModerateOptions()).holdReason
                == "The text has 4 links, at most 3 are allowed.")
        #expect(try decide(["text": "http://a https://b www.c"], ModerateOptions()).forwarded != nil)
        #expect(try decide(["text": .string(four)], ModerateOptions(maxLinks: nil)).forwarded != nil)
        #expect(try decide(["text": "www.c"], ModerateOptions(maxLinks: 0)).holdReason != nil)
    }

    @Test("a banned author is dropped, an author above the rate limit is held")
    func authors() throws {
        #expect(try decide(["text": "x"], ModerateOptions(), .init(isBanned: true)) == .drop("banned_author"))
        #expect(try decide(["text": "x"], ModerateOptions(), .init(isTooMany: false)).forwarded != nil)
        #expect(
            try decide(["text": "x"], ModerateOptions(), .init(isTooMany: true)).holdReason
                == "The author has written more than 30 comments within 60 seconds.")
        #expect(try decide(["text": "x"], ModerateOptions(authorRate: nil), .init(isTooMany: true)).forwarded != nil)
    }

    @Test(
        "without holding the reasons are counted",
        arguments: [
            ("viagra", "blocked_word"), ("cheap pills", "blocked_pattern"),
            ("www.a www.b www.c www.d", "too_many_links"),
            ("fine", "author_rate"),
        ])
    func drops(text: String, reason: String) throws {
        let options = ModerateOptions(blockedWords: ["viagra"], blockedPatterns: ["pil+s"], hold: false)
        #expect(try decide(["text": .string(text)], options, .init(isTooMany: true)) == .drop(reason))
    }

    @Test("a deletion is never moderated away, an edit is")
    func types() throws {
        let options = ModerateOptions(blockedWords: ["viagra"])
        let standing = AuthorStandings.Standing(isBanned: true, isTooMany: true)
        #expect(try decide(["type": "comment.deleted", "text": "viagra"], options, standing).forwarded != nil)
        #expect(try decide(["type": "thread.closed", "thread": "42"], options, standing).forwarded != nil)
        #expect(try decide(["type": "comment.edited", "text": "viagra"], options).holdReason != nil)
    }

    @Test("an event without text or author passes unchanged")
    func bare() throws {
        #expect(try decide(["type": "vote"], ModerateOptions(blockedWords: ["x"])) == .forward([["type": "vote"]]))
    }

    @Test(
        "a word or pattern that cannot be used is named when the stage is built",
        arguments: [
            ([], ["(a"], "(a"), ([], ["a{2000}"], "a{2000}"), ([], ["(?=x)"], "(?=x)"), ([], ["x*"], "x*"),
            ([], [""], "\"\""),
            ([" "], [], "\" \""), ([], ["ok", "[z-a]"], "[z-a]"),
        ] as [([String], [String], String)])
    func unusable(words: [String], patterns: [String], named: String) {
        #expect {
            try ModerateStage(ModerateOptions(blockedWords: words, blockedPatterns: patterns))
        } throws: { error in
            guard let error = error as? CommentsError else { return false }
            return error.message.contains(named) && error.code == (words.isEmpty ? .pattern : .word)
        }
    }

    @Test("a pattern that takes others exponential time is done at once")
    func redos() throws {
        let options = ModerateOptions(blockedPatterns: ["(a+)+$", "(a|aa)+b", "(.*a){20}x", "(x+x+)+y"])
        let moderator = try Moderator(options)
        let text = String(repeating: "a", count: 60 * 1024) + "!"
        let duration = ContinuousClock().measure {
            #expect(Decision(moderator.decide(event(["text": .string(text)]), standing: .init())).forwarded != nil)
        }
        #expect(duration < .seconds(5))
    }

    @Test("patterns that need very many states are searched all the same")
    func states() throws {
        let patterns = (0..<20).map { "[ab]*\(["a", "b"][$0 % 2])[ab]{\(12 + $0)}c\($0)" }
        let moderator = try Moderator(ModerateOptions(blockedPatterns: patterns))
        var text = ""
        for index in 0..<20_000 { text += (index * index / 7) % 3 == 0 ? "a" : "b" }
        let hit = text + "a" + String(repeating: "b", count: 12) + "c0"
        #expect(Decision(moderator.decide(event(["text": .string(text)]), standing: .init())).forwarded != nil)
        #expect(Decision(moderator.decide(event(["text": .string(hit)]), standing: .init())).holdReason != nil)
    }

    @Test("ten thousand blocked words are as good as one, and the reason quotes the one that was found")
    func manyWords() throws {
        var words = (0..<10_000).map { "word\($0 * 7919 % 100_003)x" }
        words += ["$$$", "größe", "c++", "#free"]
        let moderator = try Moderator(ModerateOptions(blockedWords: words))
        for word in [words[0], words[5000].uppercased(), words[9999], "$$$", "GRÖßE", "C++", "#FREE"] {
            let decision = moderator.decide(event(["text": .string("so: \(word), yes")]), standing: .init())
            #expect(Decision(decision).holdReason == "The text contains the blocked word \"\(word)\".")
        }
        let decision = moderator.decide(event(["text": "word1234567x wordx"]), standing: .init())
        #expect(Decision(decision).forwarded != nil)
    }
}
