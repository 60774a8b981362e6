import TestSupport
import Testing

/// The demo page, in two windows of a real browser, over a whole Tidings.
@Suite(.serialized, .browser)
struct DemoPageTests {
    let tidings: TidingsUp
    let browser: WebDriver

    init() throws {
        tidings = try TidingsUp()
        browser = try .ofSuite()
    }

    @Test("what one window posts, both show without a reload")
    func twoWindows() throws {
        let first = try DemoPage(tidings.page(thread: "lobby"), in: browser)
        let second = try DemoPage(tidings.page(thread: "lobby"), in: browser)
        try first.post("A word from the first", as: "Ines")
        try first.expect(["A word from the first"])
        try second.expect(["A word from the first"])

        try second.post("and one from the second", as: "Tomasz")
        for page in [first, second] {
            try page.expect(["A word from the first", "and one from the second"])
        }
        #expect(try first.window.texts("#comments .byline b") == ["Ines", "Tomasz"])
        #expect(try second.window.find("#foot-latency").text.hasSuffix("ms"))
    }

    @Test("a window that is opened later shows what was said before, and another thread shows nothing of it")
    func history() throws {
        let texts = (1...20).map { "comment \($0)" }
        try tidings.post(texts.map { ["thread": "lobby", "text": .string($0)] })
        try DemoPage(tidings.page(thread: "lobby"), in: browser).expect(texts)
        let other = try DemoPage(tidings.page(thread: "quiet"), in: browser)
        #expect(try other.comments == [])
    }

    @Test("over kills of every edge process each comment arrives once and in order")
    func edgeKilled() throws {
        let first = try DemoPage(tidings.page(thread: "lobby"), in: browser)
        let second = try DemoPage(tidings.page(thread: "lobby"), in: browser)
        var texts: [String] = []
        for round in 1...3 {
            texts.append("before kill \(round)")
            try first.post(texts[texts.count - 1], as: "Ines")
            // The answer to this post and the announcement may both be lost; the page has to find out.
            try tidings.killEdges()
            texts.append("after kill \(round)")
            try first.post(texts[texts.count - 1], as: "Ines")
        }
        try first.expect(texts)
        try second.expect(texts)

        // A page that keeps nothing but its offset must agree with one that starts from the oldest event.
        try DemoPage(tidings.page(thread: "lobby"), in: browser).expect(texts)
        for page in [first, second] {
            try page.waitUntilLive()
            #expect(try page.comments == texts)
        }
    }

    @Test("hostile text, names and ids are shown as text and run nothing")
    func hostileText() throws {
        let attack = "<img src=x onerror=alert(1)>"
        let page = try DemoPage(tidings.page(thread: "lobby"), in: browser)
        try page.window.execute("window.alerts = 0; window.alert = () => { window.alerts += 1 }")
        try page.post(attack, as: attack)
        try page.expect([attack])
        let script = #""><script>alert(1)</script><svg onload=alert(1)>"#
        try tidings.post([
            [
                "thread": "lobby", "id": .string(script), "text": .string(script),
                "html": .string(attack), "author": ["id": .string(script), "name": .string(script)],
            ]
        ])
        try page.expect([attack, script])
        #expect(try page.window.texts("#comments .byline b") == [attack, script])
        let elements = try page.window.execute("return document.querySelectorAll('main :is(img, script, svg)').length")
        #expect(elements.integer == 0)
        #expect(try page.window.execute("return window.alerts").integer == 0)
    }

    @Test("a long comment, right-to-left text and emoji arrive as they were written")
    func everyScript() throws {
        let texts = ["شكرًا على المشاركة", "👩‍👩‍👧‍👦 e\u{301} 𝔘𝔫𝔦", String(repeating: "a long comment ", count: 500) + "end"]
        let page = try DemoPage(tidings.page(thread: "lobby"), in: browser)
        for (number, text) in texts.enumerated() {
            try tidings.post([["thread": "lobby", "text": .string(text)]])
            try page.expect(Array(texts[...number]))
        }
    }
}
