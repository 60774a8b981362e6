import TestSupport

/// What `tidings doctor --json` found.
struct DoctorFindings {
    let json: ParsedJSON
    let exit: ProcessExit

    /// The findings of a check.
    func findings(_ id: String) -> [ParsedJSON] {
        json["checks"]?.array?.first { $0["id"]?.string == id }?["findings"]?.array ?? []
    }

    /// `well`, `unknown`, `note`, `warning` or `fault`; nil when there is no such check.
    func state(_ id: String) -> String? {
        json["checks"]?.array?.first { $0["id"]?.string == id }?["state"]?.string
    }

    /// The ids of the checks that came to a state.
    func checks(in state: String) -> [String] {
        (json["checks"]?.array ?? []).filter { $0["state"]?.string == state }.compactMap { $0["id"]?.string }
    }
}
