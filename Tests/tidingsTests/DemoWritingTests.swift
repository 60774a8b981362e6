import TestSupport
import Testing

/// What a visitor can do on the demo page with comments that are there, and what is said when it cannot be done.
@Suite(.serialized, .browser)
struct DemoWritingTests {
    let tidings: TidingsUp
    let browser: WebDriver

    init() throws {
        tidings = try TidingsUp()
        browser = try .ofSuite()
    }

    private func open() throws -> DemoPage {
        try DemoPage(tidings.page(thread: "lobby"), in: browser)
    }

    /// Lets the edge answer the page's next writes with a status.
    private func refuse(_ page: DemoPage, status: Int, retryAfter: Int = 0, times: Int = 1) throws {
        try page.window.execute(
            """
            const [status, seconds, times] = arguments;
            const original = window.fetch;
            const headers = { "Retry-After": seconds };
            let left = times;
            window.fetch = (address, init) => init?.method === "POST" && left-- > 0
              ? Promise.resolve(new Response('{"error":"because of <b>"}', { status, headers }))
              : original(address, init);
            """, [.integer(status), .integer(retryAfter), .integer(times)])
    }

    /// Waits until an element that a selector finds has this text.
    private func expect(_ page: DemoPage, _ selector: String, _ text: String) throws {
        var seen: [String] = []
        try eventually(within: 20, "\(selector) is \(text), not \(seen)", every: 0.02) {
            seen = try page.window.texts(selector)
            return seen.contains { $0.contains(text) }
        }
    }

    private func count(_ page: DemoPage, _ selector: String) throws -> Int {
        let script = "return document.querySelectorAll(arguments[0]).length"
        return try page.window.execute(script, [.string(selector)]).integer ?? -1
    }

    @Test("one's own comment can be changed and deleted, and every window shows it at its place")
    func ownComment() throws {
        let (own, other) = (try open(), try open())
        try own.post("first", as: "Ines")
        try own.expect(["first"])
        try other.post("second", as: "Tomasz")
        for page in [own, other] { try page.expect(["first", "second"]) }
        #expect(try count(own, "#comments .edit") == 2, "both windows are of one browser")

        try own.window.find("#comments .edit").click()
        let field = try own.window.find(".editor textarea")
        #expect(try own.window.execute("return document.querySelector('.editor textarea').value").string == "first")
        try field.type(", and more & <b>")
        try own.window.find(".editor [type=submit]").click()
        for page in [own, other] {
            try page.expect(["first, and more & <b>", "second"])
            try expect(page, "#comments .mark", "edited")
        }
        try eventually(within: 10, "the field is gone") { try count(own, ".editor") == 0 }
        try expect(own, "#said", "changed")

        try own.window.find("#comments .delete").click()
        try own.window.find("#comments .danger").click()
        for page in [own, other] {
            try page.expect(["Comment deleted", "second"])
            #expect(try page.window.texts("#comments .byline b") == ["", "Tomasz"])
        }
        #expect(try count(own, "#comments li:first-child :is(.actions button, .avatar:not(:empty))") == 0)
        // A window that comes later shows the same.
        let later = try open()
        try later.expect(["Comment deleted", "second"])
    }

    @Test("the comments of others have neither button, and what the web app changes is shown")
    func otherComment() throws {
        try tidings.push(["thread": "lobby", "id": "1", "text": "from elsewhere", "author": ["name": "Ann"]])
        let page = try open()
        try page.expect(["from elsewhere"])
        #expect(try count(page, "#comments .reply") == 1)
        #expect(try count(page, "#comments :is(.edit, .delete)") == 0)
        try tidings.push(
            ["thread": "lobby", "id": "1", "type": "comment.edited", "text": "put right", "author": ["name": "Ann"]])
        try page.expect(["put right"])
        try expect(page, "#comments .mark", "edited")
    }

    @Test("all of it goes by the keyboard: Escape leaves, Ctrl and Enter saves, the focus stays where it was")
    func keyboard() throws {
        let page = try open()
        try page.post("mine", as: "Ines")
        try page.expect(["mine"])
        let window = page.window
        func focused() throws -> String? {
            try window.execute("return document.activeElement.className || document.activeElement.textContent").string
        }
        func press(_ keys: String) throws { try window.find(":focus").type(keys) }
        let (enter, escape, control) = ("\u{E007}", "\u{E00C}", "\u{E009}")
        try window.execute("document.querySelector('.edit').focus()")
        try press(enter)
        #expect(try window.execute("return document.activeElement.localName").string == "textarea")
        try press("not this" + escape)
        #expect(try focused() == "edit")
        #expect(try page.comments == ["mine"])
        try press(enter)
        try press(" too" + control + enter)
        try page.expect(["mine too"])
        try eventually(within: 10, "the focus is on the button again") { try focused() == "edit" }
        try window.execute("document.querySelector('.delete').focus()")
        try press(enter)
        // A key that was pressed once too often deletes nothing.
        #expect(try focused() == "Keep")
        try press(escape)
        #expect(try focused() == "delete")
        try press(enter)
        try window.execute("document.querySelector('.danger').focus()")
        try press(enter)
        try page.expect(["Comment deleted"])
        #expect(try window.execute("return document.activeElement.matches('article')").bool == true)
    }

    @Test("a closed thread takes nothing, and says so; opened again it does")
    func closed() throws {
        let page = try open()
        try page.post("mine", as: "Ines")
        try page.expect(["mine"])
        try tidings.push(["thread": "lobby", "type": "thread.closed"])
        try eventually(within: 20, "the page says that it is closed") { try page.window.find("#closed").text != "" }
        let state = """
            return ["#text", "#post", "#name"].map((name) => document.querySelector(name))
              .map((element) => element.disabled || element.readOnly)
            """
        #expect(try page.window.execute(state).array?.map(\.bool) == [true, true, true])
        let visible = """
            return [...document.querySelectorAll("#comments .actions button")]
              .filter((element) => element.checkVisibility()).map((element) => element.textContent)
            """
        #expect(try page.window.execute(visible).array?.map(\.string) == ["Delete"])
        // A page that is opened later knows it as well.
        let later = try open()
        try eventually(within: 20, "the later page says so") { try later.window.find("#closed").text != "" }
        try tidings.push(["thread": "lobby", "type": "thread.opened"])
        for page in [page, later] {
            try eventually(within: 20, "it is open again") { try page.window.find("#closed").text == "" }
        }
        try page.post("again", as: "Ines")
        try page.expect(["mine", "again"])
    }

    @Test(
        "a comment that is refused says why, where it stands, with what to do about it",
        arguments: [
            (401, "not signed in", ["Try again", "Change it", "Discard"]),
            (403, "You may not do this here: because of <b>", ["Change it", "Discard"]),
            (409, "This thread is closed", ["Discard"]),
            (413, "too long", ["Change it", "Discard"]),
        ])
    func refusedPost(status: Int, words: String, ways: [String]) throws {
        let page = try open()
        try refuse(page, status: status)
        try page.post("mine", as: "Ines")
        try expect(page, "#pending .trouble", words)
        #expect(try page.window.texts("#pending .trouble button") == ways)
        #expect(try page.window.find("#pending .trouble").attribute("role") == "alert")
        if ways.contains("Change it") {
            try page.window.execute("[...document.querySelectorAll('.trouble button')].at(-2).click()")
            #expect(try page.window.execute("return document.querySelector('#text').value").string == "mine")
        } else {
            try page.window.find(".trouble button").click()
        }
        #expect(try page.pending == [])
    }

    @Test("beyond the rate the seconds are counted, and then the comment is sent again by itself")
    func limited() throws {
        let page = try open()
        try refuse(page, status: 429, retryAfter: 2)
        try page.post("mine", as: "Ines")
        try expect(page, "#pending .trouble", "That was a lot at once. Trying again in")
        // Read out once, not each second.
        #expect(try page.window.find("#pending .trouble [aria-hidden]").text.hasSuffix(" s."))
        try page.expect(["mine"])
        #expect(try page.window.find("#comments .trouble").text == "")
    }

    @Test("a change that is refused says why beneath the comment, keeps what was typed, and can be tried again")
    func refusedChange() throws {
        let page = try open()
        try page.post("mine", as: "Ines")
        try page.expect(["mine"])
        try refuse(page, status: 403, times: 2)
        try page.window.find("#comments .edit").click()
        try page.window.find(".editor textarea").type(" too")
        try page.window.find(".editor [type=submit]").click()
        try expect(page, "#comments .trouble", "You may not do this here")
        #expect(try page.window.execute("return document.querySelector('.editor textarea').value").string == "mine too")
        try page.window.find("#comments .trouble button").click()
        try expect(page, "#comments .trouble", "You may not do this here")
        try page.window.find(".editor [type=submit]").click()
        try page.expect(["mine too"])

        try refuse(page, status: 429, retryAfter: 1)
        try page.window.find("#comments .delete").click()
        try page.window.find("#comments .danger").click()
        try expect(page, "#comments .trouble", "Trying again in")
        try page.expect(["Comment deleted"])
    }

    @Test(
        "at the width of a phone nothing is wider than the screen, in both colour schemes",
        arguments: ["light", "dark"])
    func phone(scheme: String) throws {
        let page = try open()
        try page.window.pretend("prefers-color-scheme", scheme)
        try page.window.layOut(width: 360, height: 740)
        try page.post(String(repeating: "unbroken", count: 30), as: "Ines of the very long name, the only one")
        try page.post("second", as: "Ines")
        try page.expect([String(repeating: "unbroken", count: 30), "second"])
        try page.window.find("#comments .edit").click()
        try refuse(page, status: 403)
        try page.window.find(".editor textarea").type("!")
        try page.window.find(".editor [type=submit]").click()
        try expect(page, "#comments .trouble", "You may not do this here")
        try page.window.find("#comments li:nth-child(2) .delete").click()
        let widest = """
            const seen = [...document.querySelectorAll("body *")]
              .filter((element) => element.checkVisibility() && !element.matches("code, .unseen"));
            const right = Math.max(...seen.map((element) => element.getBoundingClientRect().right));
            return right <= innerWidth && document.documentElement.scrollWidth <= innerWidth;
            """
        #expect(try page.window.execute(widest).bool == true)
        // Contrast of the words that matter, by WCAG 2.1.
        for selector in [".trouble", ".danger", ".body", ".main", "time"] {
            let ratio = try page.window.execute(Self.contrast, [.string(selector)])
            #expect((ratio.integer ?? 0) >= 450, "\(selector) in \(scheme): \(ratio)")
        }
    }

    /// A hundred times the contrast of an element's text to what is behind it.
    private static let contrast = """
        const element = document.querySelector(arguments[0]);
        const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
        const luminance = (color) => numbers(color).slice(0, 3).map((value) => value / 255)
          .map((value) => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
          .reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0);
        let back = element;
        const isClear = (color) => (numbers(color)[3] ?? 1) === 0;
        while (isClear(getComputedStyle(back).backgroundColor)) back = back.parentElement;
        const colors = [getComputedStyle(element).color, getComputedStyle(back).backgroundColor];
        const [dark, light] = colors.map(luminance).sort((a, b) => a - b);
        return Math.floor(100 * (light + 0.05) / (dark + 0.05));
        """
}
