import Commands

/// The program `tidings`. What it does is in the module Commands.
@main
struct Main {
    static func main() {
        Tidings.main()
    }
}
