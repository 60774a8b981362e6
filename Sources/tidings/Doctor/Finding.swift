/// One thing that is not as it should be.
struct Finding: Equatable {
    let level: FindingLevel
    /// What is wrong, in a sentence without a full stop.
    let what: String
    /// The key, process, setting or file that it stands in.
    let place: String
    /// What to type, or to do; nil when nothing has to be done.
    let remedy: String?
    /// What `--fix` would do about it; nil when no repair is safe.
    let repair: Repair?

    init(_ level: FindingLevel, _ what: String, at place: String, type remedy: String? = nil, repair: Repair? = nil) {
        self.level = level
        self.what = what
        self.place = place
        self.remedy = remedy
        self.repair = repair
    }
}
