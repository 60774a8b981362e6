/// Where a client's connection stands.
enum LinkState {
    /// Nothing was asked of the client yet.
    case new
    /// No connection now; one is being made.
    case away
    /// Verbs can be sent.
    case ready
    /// ``ThoonkClient/close()`` runs: what holds items may still be sent.
    case closing
    case closed
}
