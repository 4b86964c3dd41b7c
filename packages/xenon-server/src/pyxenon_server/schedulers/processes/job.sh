# What the script of a job calls. xk_file is where the keeper is told of it.

# End before the program has begun: the reason is $1.
xk_stop() {
  echo "stopped $1" >>"$xk_file"
  exit 127
}

# What a shell does that could not become the program, and ends; a program that has begun has no such trap.
xk_begin() {
  trap 'echo "stopped unstartable" >>"$xk_file"' EXIT
}

# Go on only if the program $1 is there, as exec looks for it.
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
      xk_why=missing xk_places=$PATH: # an empty name at the end is the working directory as well
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
