/// One thing that is not as it should be.
package struct Finding: Equatable {
    package let level: FindingLevel
    /// What is wrong, in a sentence without a full stop.
    package let what: String
    /// The key, process, setting or file that it stands in.
    package let place: String
    /// What to type, or to do; nil when nothing has to be done.
    package let remedy: String?
    /// What `--fix` would do about it; nil when no repair is safe.
    package let repair: Repair?

    package init(
        _ level: FindingLevel, _ what: String, at place: String, type remedy: String? = nil, repair: Repair? = nil
    ) {
        self.level = level
        self.what = what
        self.place = place
        self.remedy = remedy
        self.repair = repair
    }
}
