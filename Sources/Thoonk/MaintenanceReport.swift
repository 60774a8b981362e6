/// What a round of maintenance has done.
public struct MaintenanceReport: Sendable, Equatable {
    /// Jobs that had been in no list for the whole grace time, and wait again.
    public var putBack = 0
    /// Claims whose time was over; these jobs wait again.
    public var takenBack = 0
    /// Jobs that are in no list now, and are put back when they stay so.
    public var missing = 0

    public init(putBack: Int = 0, takenBack: Int = 0, missing: Int = 0) {
        self.putBack = putBack
        self.takenBack = takenBack
        self.missing = missing
    }
}
