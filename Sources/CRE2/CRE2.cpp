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

void copy(const std::string &reason, char *error, size_t error_size) {
    if (error_size > 0) std::snprintf(error, error_size, "%s", reason.c_str());
}

} // namespace

struct cre2_regex {
    RE2 regex;

    cre2_regex(const re2::StringPiece &pattern, int64_t max_memory) : regex(pattern, options(max_memory)) {}
};

cre2_regex *cre2_regex_create(
    const char *pattern, size_t length, int64_t max_memory, char *error, size_t error_size) {
    auto regex = std::make_unique<cre2_regex>(re2::StringPiece(pattern, length), max_memory);
    if (regex->regex.ok()) return regex.release();
    copy(regex->regex.error(), error, error_size);
    return nullptr;
}

void cre2_regex_destroy(cre2_regex *regex) { delete regex; }

int cre2_regex_find(const cre2_regex *regex, const char *text, size_t length, size_t *start, size_t *end) {
    re2::StringPiece groups[5];
    int count = std::min(regex->regex.NumberOfCapturingGroups() + 1, 5);
    if (!regex->regex.Match(re2::StringPiece(text, length), 0, length, RE2::UNANCHORED, groups, count)) return 0;
    re2::StringPiece *last = groups + count;
    re2::StringPiece *found = std::find_if(groups + 1, last, [](auto &group) { return group.data() != nullptr; });
    if (found == last) found = groups;
    *start = static_cast<size_t>(found->data() - text);
    *end = *start + found->size();
    return 1;
}

struct cre2_set {
    RE2::Options settings;
    RE2::Set set;
    std::vector<std::string> patterns;
    // The patterns one by one, built should the set's tables ever find no room: a single pattern then falls back to a
    // search without tables, which a set lacks, and no text passes for want of memory.
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
    } else {
        copy(reason, error, error_size);
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
