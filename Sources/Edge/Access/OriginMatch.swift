/// What the origin of a request is to the edge. Two bytes: every connection has one.
enum OriginMatch: Equatable {
    /// Every origin is welcome.
    case any
    /// None is named: no browser asks for a script of another origin.
    case absent
    /// The edge's own.
    case same
    /// One of the list.
    case listed(UInt8)
    /// None of the list: its scripts read nothing.
    case foreign
}
