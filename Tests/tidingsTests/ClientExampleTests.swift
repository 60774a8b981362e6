import Foundation
import TestSupport
import Testing

/// The pages in README.md and docs/client.md do, as they stand there, what is said of them.
@Suite(.serialized, .browser)
struct ClientExampleTests {
    let tidings: TidingsUp
    let window: WebWindow

    init() throws {
        tidings = try TidingsUp()
        window = try WebDriver.ofSuite().open("about:blank")
    }

    /// The blocks of HTML in a document.
    private static func examples(in path: String) throws -> [String] {
        let root = (0..<3).reduce(URL(fileURLWithPath: #filePath)) { path, _ in path.deletingLastPathComponent() }
        let text = try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
        return text.components(separatedBy: "```html\n").dropFirst().compactMap {
            $0.components(separatedBy: "```").first
        }
    }

    /// Shows a page of the edge's own origin with this content.
    private func show(_ page: String) throws {
        try window.ignorePolicies()
        try window.load("\(tidings.origin)/live")
        try window.execute(
            "document.open(); document.write(`<!doctype html>${arguments[0]}`); document.close()", [.string(page)])
        try eventually(within: 10, "the page is loaded") {
            try window.execute("return document.readyState").string == "complete"
        }
    }

    private func expect(_ rows: [String]) throws {
        var seen: [String] = []
        try eventually(within: 30, "the page shows \(rows), not \(seen)", every: 0.05) {
            seen = try window.texts("#comments li")
            return seen == rows
        }
    }

    @Test("ten lines show a thread: what was there, what comes, what is edited and what is deleted")
    func list() throws {
        let example = try #require(Self.examples(in: "docs/client.md").first)
        #expect(try Self.examples(in: "README.md") == [example])
        try tidings.push(["thread": "42", "id": "1", "text": "one"], ["thread": "42", "id": "2", "text": "two <b>"])
        try show(example)
        try expect(["one", "two <b>"])
        // What is not changed stays the same element.
        try window.execute("document.querySelector('#comments').firstElementChild.id = 'mine'")
        try tidings.push(
            ["thread": "42", "id": "3", "text": "three"],
            ["thread": "42", "id": "2", "type": "comment.edited", "text": "two!"])
        try expect(["one", "two!", "three"])
        try tidings.push(["thread": "42", "id": "3", "type": "comment.deleted"])
        try expect(["one", "two!", "deleted"])
        #expect(try window.find("#mine").text == "one")
    }

    @Test("a form of eight lines posts, and its comment can be changed and deleted by the same page")
    func form() throws {
        let examples = try Self.examples(in: "docs/client.md")
        try #require(examples.count == 2)
        try show(examples.joined())
        try window.find("#form input").type("mine")
        try window.find("#form button").click()
        try expect(["mine"])
        try eventually(within: 10, "the form is empty again") {
            try window.execute("return document.querySelector('#form input').value").string == ""
        }
        try window.execute(
            """
            window.list = tidings.list("thread:42", {
              async onChange({ comments: [comment], isMine }) {
                if (!comment || window.isDone) return;
                window.isDone = list.isMine(comment);
                await tidings.edit({ ...comment, text: `${Tidings.text(comment)}, changed` });
              },
            });
            """)
        try expect(["mine, changed"])
        try window.execute("tidings.remove(list.comments[0])")
        try expect(["deleted"])
        #expect(try window.execute("return window.isDone").bool == true)
    }
}
