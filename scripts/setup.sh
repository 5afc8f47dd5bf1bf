#!/bin/sh
# Prepares this folder. It asks nothing, and leaves alone what is there already.
#   setup.sh run          .venv with what `cronapp serve` needs
#   setup.sh dev          .venv with what the tests and the checks need too
#   setup.sh browser      a browser for the browser tests
#   setup.sh constraints  constraints.txt anew, from the newest releases that pyproject.toml allows
set -eu
cd "$(dirname "$0")/.."
root=$(pwd -P)
venv=$root/.venv
work=

export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

trap 'if [ -n "$work" ]; then rm -rf "$work"; fi' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() { printf '%s\n' "$*" >&2; }

give_up() {
    say "$@"
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        sudo -n "$@"
    else
        return 1
    fi
}

# Debian and its kin, when this account may install; false everywhere else.
apt_install() {
    command -v apt-get >/dev/null 2>&1 && as_root true || return 1
    say "Installing by apt-get: $*"
    # A list that cannot be renewed is no reason to stop: the package may be known from before.
    as_root apt-get -qq update >/dev/null || true
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq install -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@" </dev/null >/dev/null
}

# -- Python ----------------------------------------------------------------------------------------------------------

# The first interpreter that is new enough for Cron-App and passes the given import, or nothing. Each is started
# once, because a name on the PATH may be a stub that only says which versions could be switched on.
find_python() {
    for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
        if "$candidate" -c "import sys, $1; sys.exit(sys.version_info < (3, 11))" >/dev/null 2>&1; then
            printf '%s' "$candidate"
            return
        fi
    done
}

python_with_venv() {
    found=$(find_python "ensurepip, venv")
    if [ -z "$found" ]; then
        # Debian keeps `venv` in a package of its own, one for each version of Python.
        bare=$(find_python "os")
        if [ -n "$bare" ]; then
            version=$("$bare" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
            apt_install "$version-venv" || true
        elif [ -z "${PYTHON:-}" ]; then
            apt_install python3 python3-venv || true
        fi
        found=$(find_python "ensurepip, venv")
    fi
    if [ -z "$found" ]; then
        say "Cron-App needs Python 3.11 or newer with its venv module; ${PYTHON:-python3.13, 3.12, 3.11 and python3} will not do."
        say "  Debian, Ubuntu:  apt-get install python3 python3-venv"
        say "  Fedora:          dnf install python3"
        say "  macOS:           brew install python@3.13"
        give_up "An interpreter somewhere else is taken with: make run PYTHON=/path/to/python3"
    fi
    printf '%s' "$found"
}

# A folder that was moved or copied has scripts that point to its old place: make it anew then.
venv_works() {
    grep -qsF "$venv" "$venv/bin/activate" && "$venv/bin/python" -m pip --version >/dev/null 2>&1
}

make_venv() {
    if venv_works; then return; fi
    python=$(python_with_venv)
    say "Making .venv with $("$python" --version)"
    "$python" -m venv --clear "$venv"
}

# install NAME EXTRAS: only when pyproject.toml or constraints.txt changed since the last time.
install() {
    state="$venv $(cat pyproject.toml constraints.txt | cksum)"
    stamp=$venv/.installed-$1
    if [ -x "$venv/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$state" ]; then return; fi
    make_venv
    say "Installing Cron-App into .venv (only when its requirements changed)"
    "$venv/bin/python" -m pip install -qq --constraint constraints.txt --editable ".[$2]" >&2 ||
        give_up "The installation failed, see above. It needs the Python package index, or a mirror that pip is set up for."
    printf '%s\n' "$state" >"$stamp"
}

constraints() {
    PYTHON=${PYTHON:-python3.11} # the oldest supported one: what it can install, newer ones can too
    python=$(python_with_venv)
    work=$(mktemp -d)
    "$python" -m venv "$work/venv"
    "$work/venv/bin/python" -m pip install -qq --editable ".[test,check]" >&2
    {
        echo "# The exact versions that Cron-App is tested with, for pip's --constraint. Made by \`make constraints\`."
        "$work/venv/bin/python" -m pip freeze --exclude-editable
    } >"$work/constraints.txt"
    cp "$work/constraints.txt" constraints.txt
}

# -- browser ---------------------------------------------------------------------------------------------------------

playwrights_own() {
    "$venv/bin/python" - <<'END' 2>/dev/null
from playwright.sync_api import sync_playwright

with sync_playwright() as playwright:
    print(playwright.chromium.executable_path)
END
}

# Each is started, because it may be a stub, or lack a library.
has_browser() {
    for candidate in chromium chromium-browser google-chrome google-chrome-stable \
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" \
        "/Applications/Chromium.app/Contents/MacOS/Chromium"; do
        if "$candidate" --version >/dev/null 2>&1; then return 0; fi
    done
    own=$(playwrights_own) && "$own" --version >/dev/null 2>&1
}

playwright_install() {
    say "Installing Chromium by Playwright"
    "$venv/bin/python" -m playwright install chromium >&2 || return 1
    if [ "$(id -u)" = 0 ]; then "$venv/bin/python" -m playwright install-deps chromium >&2 || true; fi
}

browser() {
    if has_browser; then return; fi
    if apt_install chromium fonts-dejavu-core && has_browser; then return; fi
    if playwright_install && has_browser; then return; fi
    say "There is no browser, and none could be installed. Install Chromium or Google Chrome:"
    say "  Debian:  apt-get install chromium"
    say "  Ubuntu:  .venv/bin/playwright install --with-deps chromium"
    say "  Fedora:  dnf install chromium"
    say "  macOS:   brew install --cask google-chrome"
    if [ "${CI:-}" = true ]; then give_up "With CI=true the browser tests may not be left out."; fi
    say "The browser tests will be skipped."
}

case ${1:-} in
run) install run postgres ;;
dev)
    install dev test,check
    cp "$venv/.installed-dev" "$venv/.installed-run" # dev has all of run
    ;;
browser) browser ;;
constraints) constraints ;;
*) give_up "Usage: setup.sh run|dev|browser|constraints" ;;
esac
