/// Where a job is.
public enum JobState: String, Sendable {
    case waiting
    case claimed
    case stalled
    /// It has an item and is in no list: it is just being taken by a client that does this in two steps, or was lost by
    /// one. ``Job/maintenance(grace:)`` finds out.
    case missing
    /// There is no such job: it is finished, or never was.
    case absent
}
