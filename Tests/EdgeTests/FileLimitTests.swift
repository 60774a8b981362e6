import Testing

@testable import Edge

@Suite("Connections and the limit of open files")
struct FileLimitTests {
    @Test(
        "files are left for the process itself when all connections are taken",
        arguments: [
            (1_048_576, 0, false), (65_536 + 256 + 64, 0, false), (65_536 + 256 + 63, 0, true),
            (65_536 + 256 + 64, 1, true), (4096, 0, true), (1024, 256, true), (60, 0, true), (4, 0, true),
        ])
    func fit(_ files: Int, _ inherited: Int, _ isLowered: Bool) {
        var limits = EdgeLimits()
        let usual = limits.maxConnections
        let wasLowered = limits.fit(files: files, inherited: inherited)
        #expect(wasLowered == isLowered && limits.maxConnections >= 1 && limits.maxConnections <= usual)
        let kept = min(64, files / 2)
        #expect(limits.maxConnections + limits.spareConnections <= max(2, files - inherited - kept))
        // Few spare ones where there are few at all.
        if isLowered { #expect(limits.spareConnections <= limits.maxConnections) }
    }
}
