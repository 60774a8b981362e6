import ArgumentParser

/// `tidings bench`: load, with figures.
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure the pipeline on this machine.",
        subcommands: [BenchPipeline.self, BenchTakeover.self, BenchIdle.self, BenchMemory.self])
}
