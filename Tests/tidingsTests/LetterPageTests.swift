import Testing

@testable import Commands

/// How many letters are handled at a time.
struct LetterPageTests {
    @Test(
        "the next page is as large as the letters before it allow",
        arguments: [
            (20, 20 * 300, 200), (20, 20 << 16, 64), (20, 20 << 20, 4), (3, 48 << 20, 1), (0, 0, 20),
        ])
    func next(letters: Int, bytes: Int, expected: Int) {
        var page = LetterPage()
        page.read(letters, bytes: bytes)
        #expect(page.count == expected)
    }

    @Test("no part has more than 4 MiB or 200 letters, but for a letter that is larger; all are in a part, in order")
    func parts() {
        let mebibyte = 1 << 20
        #expect(LetterPage.parts(of: []) == [])
        #expect(LetterPage.parts(of: [1]) == [0..<1])
        #expect(LetterPage.parts(of: [Int](repeating: 1, count: 450)) == [0..<200, 200..<400, 400..<450])
        #expect(LetterPage.parts(of: [mebibyte, 3 * mebibyte, 1]) == [0..<2, 2..<3])
        #expect(LetterPage.parts(of: [1, 9 * mebibyte, 9 * mebibyte, 1]) == [0..<1, 1..<2, 2..<3, 3..<4])
    }
}
