import ArgumentParser

/// `tidings bench`: load, with figures.
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure the pipeline and the edge on this machine.",
        subcommands: [
            BenchPipeline.self, BenchEdge.self, BenchJobs.self, BenchTakeover.self, BenchIdle.self, BenchMemory.self,
            BenchReaders.self, BenchVisitors.self, BenchBare.self,
        ])
}
