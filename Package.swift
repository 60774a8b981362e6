// swift-tools-version: 6.2
import PackageDescription

/// What holds for every Swift target: Swift 6, explicit existentials, internal imports, and no warning left standing.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

let package = Package(
    name: "tidings",
    products: [
        .executable(name: "tidings", targets: ["tidings"]),
        .library(name: "Thoonk", targets: ["Thoonk"]),
        .library(name: "Pipeline", targets: ["Pipeline", "Store"]),
    ],
    // Up to the next minor version: a new one is taken by a commit, not by the day on which somebody builds.
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", .upToNextMinor(from: "1.8.2")),
        .package(url: "https://github.com/apple/swift-collections", .upToNextMinor(from: "1.6.0")),
        .package(url: "https://github.com/apple/swift-log", .upToNextMinor(from: "1.16.2")),
    ],
    targets: [
        // C libraries, each behind a module of its own.
        .systemLibrary(name: "CEvent"),
        .systemLibrary(name: "CHiredis"),
        .systemLibrary(name: "CEpoll"),
        .target(name: "CSimdjson", linkerSettings: [.linkedLibrary("simdjson")]),
        .target(name: "CRE2", linkerSettings: [.linkedLibrary("re2")]),
        .systemLibrary(name: "CZlib"),
        .systemLibrary(name: "CYaml"),
        .target(name: "CSpawn"),
        .target(name: "CCurl", linkerSettings: [.linkedLibrary("dl")]),
        .target(name: "CCrypto", linkerSettings: [.linkedLibrary("dl")]),

        // The arrows of docs/architecture.md: a target depends only on what stands above it.
        .target(name: "Events", dependencies: ["CEvent"], swiftSettings: strict),
        .target(name: "JSON", dependencies: ["CSimdjson"], swiftSettings: strict),
        .target(name: "Signing", dependencies: ["CCrypto"], swiftSettings: strict),
        .target(name: "YAML", dependencies: ["CYaml"], swiftSettings: strict),
        .target(
            name: "Redis",
            dependencies: ["CHiredis", "Events", deque, logging],
            swiftSettings: strict),
        .target(
            name: "Thoonk", dependencies: ["Redis", "Events", deque, logging],
            resources: ["library", "feeds", "feed", "sorted_feed", "queue", "job", "claims", "maintenance"].map {
                .embedInCode("Library/\($0).lua")
            },
            swiftSettings: strict),
        .target(
            name: "Store", dependencies: ["Redis", "JSON"],
            resources: [
                "library", "epoch", "former", "states", "feeds", "processes", "lanes", "jobs", "records", "inlets",
                "letters", "windows", "changes", "closings", "rewriting", "commit", "enqueue", "control", "status",
                "erasure",
            ].map { .embedInCode("Library/\($0).lua") }, swiftSettings: strict),
        .target(
            name: "Pipeline",
            dependencies: ["Store", "Redis", "Events", "JSON", deque, logging],
            swiftSettings: strict),
        .target(
            name: "Comments",
            dependencies: ["Pipeline", "Store", "Redis", "JSON", "Signing", "CRE2"],
            swiftSettings: strict),
        .target(
            name: "Edge",
            dependencies: [
                "CZlib", "Store", "Redis", "Events", "JSON", "Signing", deque, logging,
            ],
            resources: [
                .embedInCode("Pages/demo.html"), .embedInCode("Pages/demo.css"), .embedInCode("Pages/demo.js"),
                .embedInCode("Pages/dashboard.html"), .embedInCode("Pages/dashboard.css"),
                .embedInCode("Pages/dashboard.js"),
                .embedInCode("Pages/Client/tidings.js"), .embedInCode("Pages/Client/tidings.mjs"),
                .embedInCode("Pages/Client/tidings.d.ts"), .embedInCode("Pages/Client/tidings.d.mts"),
            ],
            swiftSettings: strict),
        // A person's terminal: text, files, log lines, errors of one line.
        .target(name: "Console", dependencies: ["Redis", "Events", logging], swiftSettings: strict),
        .target(
            name: "Supervision",
            dependencies: ["CSpawn", "Console", "Pipeline", "Store", "Redis", "Events", logging],
            swiftSettings: strict),
        .target(
            name: "Connectors",
            dependencies: [
                "CCurl", "Supervision", "Pipeline", "Store", "Redis", "Events", "JSON", "Signing", deque, logging,
            ],
            swiftSettings: strict),
        .target(
            name: "Configuration",
            dependencies: ["Console", "Comments", "Connectors", "Edge", "Pipeline", "Store", "Events", "YAML"],
            swiftSettings: strict),
        .target(
            name: "Diagnostics",
            dependencies: [
                "Configuration", "Console", "Edge", "Pipeline", "Store", "Thoonk", "Redis", "Events", "JSON",
            ],
            swiftSettings: strict),
        .target(
            name: "Bench",
            dependencies: [
                "CEpoll", "Supervision", "Console", "Pipeline", "Store", "Thoonk", "Redis", "Events", "JSON", logging,
            ],
            resources: [.embedInCode("thoonk_bench.py")], swiftSettings: strict),
        .target(
            name: "Commands",
            dependencies: [
                "Bench", "Diagnostics", "Configuration", "Supervision", "Console", "Comments", "Connectors", "Edge",
                "Pipeline", "Store", "Thoonk", "Redis", "Events", "JSON", "Signing",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                logging,
            ],
            swiftSettings: strict),
        .executableTarget(name: "tidings", dependencies: ["Commands"], swiftSettings: strict),

        // Tests mirror Sources.
        .target(
            name: "TestSupport", dependencies: ["Redis", "Events", logging], path: "Tests/TestSupport",
            exclude: ["Python"], swiftSettings: strict),
        .target(
            name: "FuzzTargets",
            dependencies: ["Edge", "Pipeline", "Store", "Redis", "JSON", "Signing", "CHiredis"],
            path: "Tests/FuzzTargets", exclude: ["Corpus"], swiftSettings: strict),
        // A worker that tests kill.
        .executableTarget(
            name: "JobWorker", dependencies: ["Thoonk"], path: "Tests/JobWorker", swiftSettings: strict),
        // The simulator: the real machines on virtual time, against a real server (docs/simulation.md).
        .target(
            name: "Simulation",
            dependencies: [
                "Comments", "Edge", "Pipeline", "Supervision", "Store", "Redis", "Events", "JSON", "TestSupport", deque,
                logging,
            ],
            path: "Tests/Simulation", swiftSettings: strict),
        .executableTarget(
            name: "Simulate",
            dependencies: [
                "Simulation", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], path: "Tests/Simulate", swiftSettings: strict),
        .testTarget(name: "SimulationTests", dependencies: ["Simulation", "TestSupport"], swiftSettings: strict),
        .testTarget(name: "EventsTests", dependencies: ["Events", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "BenchTests", dependencies: ["Bench", "Store", "Redis", "Events", "JSON", "TestSupport"],
            swiftSettings: strict
        ),
        .testTarget(name: "JSONTests", dependencies: ["JSON", "TestSupport"], swiftSettings: strict),
        .testTarget(name: "SigningTests", dependencies: ["Signing", "TestSupport"], swiftSettings: strict),
        .testTarget(name: "YAMLTests", dependencies: ["YAML", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "RedisTests", dependencies: ["Redis", "Events", "TestSupport", logging], swiftSettings: strict),
        .testTarget(
            name: "ThoonkTests", dependencies: ["Thoonk", "Redis", "Events", "JSON", "TestSupport", logging],
            swiftSettings: strict),
        .testTarget(
            name: "StoreTests", dependencies: ["Store", "Redis", "Events", "JSON", "TestSupport", logging],
            swiftSettings: strict),
        .testTarget(
            name: "PipelineTests",
            dependencies: ["Pipeline", "Store", "Redis", "Events", "JSON", "TestSupport", logging],
            swiftSettings: strict),
        .testTarget(
            name: "SupervisionTests", dependencies: ["Supervision", "Events", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "DiagnosticsTests",
            dependencies: ["Diagnostics", "Configuration", "Console", "Pipeline", "Redis", "JSON", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "CommentsTests",
            dependencies: ["Comments", "Pipeline", "Store", "Redis", "Events", "JSON", "TestSupport", logging],
            swiftSettings: strict),
        .testTarget(
            name: "ConnectorsTests",
            dependencies: [
                "Connectors", "Supervision", "Pipeline", "Store", "Redis", "Events", "JSON", "Signing", "TestSupport",
                logging,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "EdgeTests",
            dependencies: [
                "Edge", "FuzzTargets", "CZlib", "Store", "Redis", "Events", "JSON", "Signing", "TestSupport", logging,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "ConfigurationTests",
            dependencies: [
                "Commands", "Configuration", "Console", "Edge", "JSON", "Pipeline", "Supervision", "TestSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "tidingsTests",
            dependencies: [
                "Commands", "Bench", "Configuration", "Console", "Supervision", "tidings", "Edge", "JSON",
                "Pipeline", "Store", "Redis", "TestSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
    ],
    cxxLanguageStandard: .cxx17
)

// libFuzzer brings its own main: only `make fuzz` builds this.
if Context.environment["TIDINGS_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "Fuzz", dependencies: ["FuzzTargets"], path: "Tests/Fuzz",
            swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])]))
}
