# To be sourced.

# Makes a directory beside its place and moves it there when it is whole, if it is not there: who is stopped in between, or
# does the same at the same time, leaves no half of one.
#
#   whole <directory> <proof> <command>...
#
# <proof> is a file in it that is there when it is whole; the command is given the directory to fill as last argument.
whole() {
  local place=$1 proof=$2 unfinished
  shift 2
  [ ! -e "$place/$proof" ] || return 0
  mkdir -p "$(dirname "$place")"
  find "$(dirname "$place")" -maxdepth 1 -name "$(basename "$place").??????" -mmin +60 -exec rm -rf {} +
  unfinished=$(mktemp -d "$place.XXXXXX")
  "$@" "$unfinished"
  [ -e "$unfinished/$proof" ] || return 1
  [ -e "$place/$proof" ] || rm -rf "$place"
  # Fails where somebody else was faster.
  node -e "require('node:fs').renameSync(...process.argv.slice(1))" "$unfinished" "$place" 2>/dev/null || rm -rf "$unfinished"
  [ -e "$place/$proof" ]
}
