import Testing

@testable import Commands

/// How many dead letters or held events are handled at a time.
struct SetAsidePageTests {
    @Test(
        "the next page is as large as the sizes of the entries before it allow",
        arguments: [
            (20, 20 * 300, 200), (20, 20 << 16, 64), (20, 20 << 20, 4), (3, 48 << 20, 1), (0, 0, 20),
        ])
    func next(entries: Int, bytes: Int, expected: Int) {
        var page = SetAsidePage()
        page.read(entries, bytes: bytes)
        #expect(page.count == expected)
    }

    @Test("no part has more than 4 MiB or 200 entries, unless one entry is larger; every entry is in a part, in order")
    func parts() {
        let mebibyte = 1 << 20
        #expect(SetAsidePage.parts(of: []) == [])
        #expect(SetAsidePage.parts(of: [1]) == [0..<1])
        #expect(SetAsidePage.parts(of: [Int](repeating: 1, count: 450)) == [0..<200, 200..<400, 400..<450])
        #expect(SetAsidePage.parts(of: [mebibyte, 3 * mebibyte, 1]) == [0..<2, 2..<3])
        #expect(SetAsidePage.parts(of: [1, 9 * mebibyte, 9 * mebibyte, 1]) == [0..<1, 1..<2, 2..<3, 3..<4])
    }
}
