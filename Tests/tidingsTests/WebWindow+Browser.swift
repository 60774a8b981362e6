@testable import TestSupport

extension WebWindow {
    /// Takes the network away from this window, or gives it back, as the browser's own tools do.
    func setOffline(_ isOffline: Bool) throws {
        try debug("Network.enable")
        try debug(
            "Network.emulateNetworkConditions",
            ["offline": .bool(isOffline), "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1])
    }

    /// Puts the window away, so that its page is hidden.
    func minimize() throws {
        _ = try command("POST", "/window/minimize", [:])
    }

    /// Brings it back to where it can be seen.
    func restore() throws {
        _ = try command("POST", "/window/rect", ["width": 900, "height": 700])
    }

    /// Freezes the page, as a browser does with one that has been hidden for long, or lets it go on.
    func setFrozen(_ isFrozen: Bool) throws {
        try debug("Page.setWebLifecycleState", ["state": isFrozen ? "frozen" : "active"])
    }

    /// Lays the page out as in a window of this size, in CSS pixels: no window is as narrow as some screens.
    func layOut(width: Int, height: Int) throws {
        try debug(
            "Emulation.setDeviceMetricsOverride",
            ["width": .integer(width), "height": .integer(height), "deviceScaleFactor": 1, "mobile": false])
    }

    /// Lets pages that are loaded from now on run what their Content-Security-Policy forbids: for pages of the test's own.
    func ignorePolicies() throws {
        try debug("Page.setBypassCSP", ["enabled": true])
    }

    /// How wide, dark and fast the page takes its surroundings to be, by media feature: `prefers-color-scheme`.
    func pretend(_ feature: String, _ value: String) throws {
        try debug("Emulation.setEmulatedMedia", ["features": [["name": .string(feature), "value": .string(value)]]])
    }

    /// A command of Chromium's debugging protocol.
    private func debug(_ name: String, _ parameters: ParsedJSON = [:]) throws {
        _ = try command("POST", "/goog/cdp/execute", ["cmd": .string(name), "params": parameters])
    }
}
