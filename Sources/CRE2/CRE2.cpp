#include "CRE2.h"

#include <re2/re2.h>
#include <re2/set.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <new>
#include <string>
#include <vector>

namespace {

RE2::Options options(int64_t max_memory) {
    RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(max_memory);
    return options;
}

} // namespace

struct cre2_set {
    RE2::Options settings;
    RE2::Set set;
    std::vector<std::string> patterns;
    // The patterns one by one, built when the set's automaton first runs out of memory: a single one then falls back to
    // a search without tables, which a set lacks.
    std::vector<std::unique_ptr<RE2>> singles;
    std::vector<int> found;

    explicit cre2_set(int64_t max_memory) : settings(options(max_memory)), set(settings, RE2::UNANCHORED) {}

    int find_singly(const re2::StringPiece &text) {
        if (singles.empty()) {
            for (const std::string &pattern : patterns) singles.push_back(std::make_unique<RE2>(pattern, settings));
        }
        for (size_t index = 0; index < singles.size(); index++) {
            if (RE2::PartialMatch(text, *singles[index])) return static_cast<int>(index);
        }
        return -1;
    }
};

cre2_set *cre2_set_create(int64_t max_memory) { return new (std::nothrow) cre2_set(max_memory); }

void cre2_set_destroy(cre2_set *set) { delete set; }

int cre2_set_add(cre2_set *set, const char *pattern, size_t length, char *error, size_t error_size) {
    std::string reason;
    int index = set->set.Add(re2::StringPiece(pattern, length), &reason);
    if (index >= 0) {
        set->patterns.emplace_back(pattern, length);
    } else if (error_size > 0) {
        std::snprintf(error, error_size, "%s", reason.c_str());
    }
    return index;
}

int cre2_set_compile(cre2_set *set) { return set->set.Compile() ? 1 : 0; }

int cre2_set_find(cre2_set *set, const char *text, size_t length) {
    if (set->patterns.empty()) return -1;
    re2::StringPiece piece(text, length);
    RE2::Set::ErrorInfo error{RE2::Set::kNoError};
    set->found.clear();
    if (set->set.Match(piece, &set->found, &error)) {
        return *std::min_element(set->found.begin(), set->found.end());
    }
    return error.kind == RE2::Set::kNoError ? -1 : set->find_singly(piece);
}
