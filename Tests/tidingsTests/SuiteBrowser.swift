import TestSupport
import Testing

/// Starts one browser for all tests of a suite: a start takes seconds of the processor.
struct SuiteBrowser: SuiteTrait, TestScoping {
    @TaskLocal fileprivate static var current: WebDriver?

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        try await Self.$current.withValue(WebDriver(), operation: function)
    }
}

extension Trait where Self == SuiteBrowser {
    /// One browser for the tests of the suite, which are `.serialized`: see ``WebDriver/ofSuite()``.
    static var browser: Self { Self() }
}

extension WebDriver {
    /// The browser of the suite, without the windows of the test before.
    static func ofSuite() throws -> WebDriver {
        guard let browser = SuiteBrowser.current else { throw TestSupportError("the suite has no trait .browser") }
        try browser.closeWindows()
        return browser
    }
}
