import Simulation

/// `make simulate`: looks for schedules that break the promise, see docs/simulation.md.
@main struct Simulate {
    static func main() {}
}
