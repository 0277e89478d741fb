# Sourced by other scripts: installs tools into a cache outside the repository.

cache_of_celeriac=${XDG_CACHE_HOME:-$HOME/.cache}/celeriac

# Fills a directory by a command, unless the directory is complete. The command fills a temporary directory, which is
# then renamed. So an interrupted or a concurrent installation leaves no partly filled directory.
#
#   install_once <directory> <proof> <command>...
#
# <proof> is a file in the directory that exists only when the installation is complete. The command gets the temporary
# directory as its last argument.
install_once() {
  local place=$1 proof=$2 unfinished
  shift 2
  [ ! -e "$place/$proof" ] || return 0
  mkdir -p "$(dirname "$place")"
  # Removes installations that were interrupted more than an hour ago.
  find "$(dirname "$place")" -maxdepth 1 -name "$(basename "$place").??????" -mmin +60 -exec rm -rf {} +
  unfinished=$(mktemp -d "$place.XXXXXX")
  "$@" "$unfinished"
  [ -e "$unfinished/$proof" ] || return 1
  [ -e "$place/$proof" ] || rm -rf "$place"
  # The rename fails when another installation was faster.
  node -e "require('node:fs').renameSync(...process.argv.slice(1))" "$unfinished" "$place" 2>/dev/null || rm -rf "$unfinished"
  [ -e "$place/$proof" ]
}

# Installs a PyPI tool with its dependencies into a separate directory. Needs no virtual environment, and does not
# change the system's packages.
#
#   install_from_pypi_once <directory> <name>==<version>
install_from_pypi_once() {
  install_once "$1" complete install_from_pypi "$2"
}

install_from_pypi() {
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target "$2" "$1"
  touch "$2/complete"
}

# Prints twelve characters of a file's digest. An environment's name contains the digest of its requirements.
digest_of() {
  node -e "const { createHash } = require('node:crypto');
    console.log(createHash('sha256').update(require('node:fs').readFileSync('$1')).digest('hex').slice(0, 12))"
}
