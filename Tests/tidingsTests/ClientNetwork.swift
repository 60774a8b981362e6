@testable import TestSupport

extension WebWindow {
    /// Takes the network away from this window, or gives it back, as the browser's own tools do.
    func setOffline(_ isOffline: Bool) throws {
        try debug("Network.enable")
        try debug(
            "Network.emulateNetworkConditions",
            ["offline": .bool(isOffline), "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1])
    }

    /// A command of Chromium's debugging protocol.
    private func debug(_ name: String, _ parameters: ParsedJSON = [:]) throws {
        _ = try command("POST", "/goog/cdp/execute", ["cmd": .string(name), "params": parameters])
    }
}
