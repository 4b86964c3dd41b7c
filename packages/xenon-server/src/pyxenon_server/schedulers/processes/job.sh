# Functions for the script of a job. xk_file is the keeper's record of the job.

# End before the program starts, for the reason $1.
xk_stop() {
  echo "stopped $1" >>"$xk_file"
  exit 127
}

# Record it if the shell ends because it could not exec the program; a program that has started has lost this trap.
xk_begin() {
  trap 'echo "stopped unstartable" >>"$xk_file"' EXIT
}

# Go on only if exec would find the program $1.
xk_find() {
  case $1 in
    */*)
      [ -f "$1" ] && [ -x "$1" ] && return
      [ ! -e "$1" ] || xk_stop forbidden
      ;;
    *)
      [ "${PATH+set}" ] || return 0
      IFS=:
      set -f
      xk_why=missing xk_places=$PATH: # an empty last entry also means the working directory
      for xk_place in $xk_places; do
        [ -f "${xk_place:-.}/$1" ] || continue
        [ -x "${xk_place:-.}/$1" ] && unset IFS && set +f && return
        xk_why=forbidden
      done
      xk_stop "$xk_why"
      ;;
  esac
  xk_stop missing
}
