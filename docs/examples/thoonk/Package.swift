// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "thoonk-example",
    dependencies: [
        // In a package of your own: .package(url: "…", from: "…").
        .package(name: "tidings", path: "../../..")
    ],
    targets: [
        .executableTarget(
            name: "thoonk-example", dependencies: [.product(name: "Thoonk", package: "tidings")])
    ]
)
