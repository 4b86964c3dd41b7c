# Runs the jobs of one scheduler on their machine; keeper.py describes the protocol. A line before this sets xk_key and xk_lease.

# Send an event to the client through a pipe. The next keeper reads on from it, so that no event is lost to a connection that has broken.
xk_say() {
  echo "$*" >&8
}

# Read the record of job $1.
xk_recall() {
  xk_file=$xk_dir/j$1 xk_runner='' xk_pid='' xk_ended='' xk_stopped='' xk_asked='' xk_shown='' xk_told=''
  [ -f "$xk_file" ] || return
  while read -r xk_word xk_rest; do
    case $xk_word in
      runner) xk_runner=$xk_rest ;;
      pid) xk_pid=$xk_rest ;;
      ended) xk_ended=$xk_rest ;;
      stopped) xk_stopped=$xk_rest ;;
      ending) xk_asked=asked ;;
      '['*) xk_shown=$xk_rest ;;
      *) xk_told="$xk_told $xk_rest" ;;
    esac
  done <"$xk_file"
}

# Run job $1 with the script $2, and find out how it ends. A shell's status cannot tell "exit 137" from a SIGKILL, but its job table can: it
# shows the number only for an exit. bash shows it before the end is waited for, other shells afterwards. If the job ends before the wait,
# bash may have removed it from the table; it has then printed a message with its process, but only if a signal killed it.
xk_run() {
  xk_file=$xk_dir/j$1
  [ -z "$xk_monitor" ] || set -m
  [ -z "$xk_bash" ] || trap 'jobs >>"$xk_file"' CHLD
  exec 2>>"$xk_file"
  (eval "$2") 8>&- 2>/dev/null &
  xk_pid=$!
  echo "pid $xk_pid" >>"$xk_file"
  xk_say "started $1 $xk_pid"
  wait "$xk_pid"
  xk_status=$?
  if [ "$xk_bash" ]; then
    # In some versions the trap interrupts the wait, which then returns 128 plus the number of SIGCHLD.
    if [ "$xk_status" -eq "$xk_bash" ]; then
      wait "$xk_pid" 2>/dev/null
      xk_again=$?
      [ "$xk_again" -eq 127 ] || xk_status=$xk_again
    fi
  elif [ "$xk_status" -gt 128 ]; then
    jobs >>"$xk_file"
  fi
  xk_recall "$1"
  xk_how="code $xk_status"
  if [ "$xk_stopped" ] && [ "$xk_status" -le 128 ]; then
    xk_how="stopped $xk_stopped"
  elif [ "$xk_status" -gt 128 ]; then
    case $xk_shown in
      '') case "$xk_told " in
        *" $xk_pid "*) xk_how="signal $((xk_status - 128))" ;;
        *) xk_how="either $xk_status" ;;
        esac ;;
      *"$xk_status"*) ;;
      *) xk_how="signal $((xk_status - 128))" ;;
    esac
  fi
  echo "ended $xk_how $xk_asked" >>"$xk_file"
  xk_say "ended $1 $xk_how $xk_asked"
}

# Print the processes with the mark of job $1, or of any job if it is empty, in whatever process group they are.
xk_marked() {
  [ -r /proc/self/environ ] || return
  for xk_place in $(grep -l -- "XENON_JOB=$xk_key-$1" /proc/[0-9]*/environ 2>/dev/null); do
    xk_place=${xk_place#/proc/}
    echo "${xk_place%/environ}"
  done
}

# Send the signal $1 to job $2, or to all jobs if it is empty, and to no process twice. Skip ended jobs: other processes may have their group
# number by now.
xk_signal() {
  xk_groups=' ' xk_early=''
  for xk_place in "$xk_dir/j"${2:-*}; do
    xk_recall "${xk_place##*/j}"
    [ -f "$xk_file" ] && [ -z "$xk_ended" ] || continue
    [ "$xk_pid" ] || xk_early=yes
    kill -s "$1" -- "-$xk_pid" || kill -s "$1" "$xk_pid"
    xk_groups="$xk_groups$xk_pid "
  done
  for xk_place in $(xk_marked "$2"); do
    read -r xk_line <"/proc/$xk_place/stat" || continue
    set -- "$1" "$2" ${xk_line##*) } # state, parent, group
    case $xk_groups in
      *" $5 "*) ;;
      *) kill -s "$1" "$xk_place" ;;
    esac
  done
}

# Succeed if process $1 has ended and only waits for its parent to collect its status, which may never happen.
xk_is_zombie() {
  read -r xk_line <"/proc/$1/stat" && case ${xk_line##*) } in Z*) ;; *) return 1 ;; esac
}

xk_lives() {
  kill -0 "$1" && ! xk_is_zombie "$1"
}

# Succeed if any process is left of job $1, or of any job if it is empty.
xk_left() {
  for xk_place in "$xk_dir/j"${1:-*}; do
    xk_recall "${xk_place##*/j}"
    [ ! -f "$xk_file" ] || [ "$xk_ended" ] || {
      [ "$xk_pid" ] || return 0
      kill -0 -- "-$xk_pid" && ! xk_is_zombie "$xk_pid" && return 0
      xk_lives "$xk_pid" && return 0
    }
  done
  [ "$(xk_marked "$1")" ]
}

# End job $1, or all jobs if it is empty, with everything that they started: with SIGTERM, and after two seconds with SIGKILL.
xk_end() {
  for xk_place in "$xk_dir/j"${1:-*}; do
    xk_recall "${xk_place##*/j}"
    [ ! -f "$xk_file" ] || [ "$xk_ended" ] || echo ending >>"$xk_file"
  done
  xk_signal TERM "$1"
  xk_again=$xk_early
  xk_signal CONT "$1"
  xk_tries=0
  while xk_left "$1"; do
    xk_tries=$((xk_tries + 1))
    if [ "$xk_tries" -le 10 ]; then
      sleep 0.01
      [ -z "$xk_again" ] || {
        xk_signal TERM "$1"
        xk_again=$xk_early
      }
    else
      sleep 0.1
      [ "$xk_tries" -le 30 ] || xk_signal KILL "$1"
      [ "$xk_tries" -le 100 ] || break
    fi
  done
}

xk_end_one() {
  xk_end "$1"
  xk_left "$1" || xk_say "gone $1"
}

# Report the jobs that have ended after their runners were killed, which would have reported the end.
xk_look() {
  xk_over=''
  for xk_place in "$xk_dir/j"*; do
    xk_id=${xk_place##*/j}
    xk_recall "$xk_id"
    [ "$xk_runner" ] && [ -z "$xk_ended" ] && ! xk_lives "$xk_runner" && ! xk_lives "$xk_pid" && xk_over="$xk_over $xk_id"
  done
  for xk_id in $xk_over; do
    xk_recall "$xk_id"
    [ "$xk_ended" ] || xk_say "vanished $xk_id"
  done
}

# Report the records of all jobs. A runner that was killed records no end; one that lives may be about to, and gets half a second.
xk_tell_all() {
  xk_waited=''
  for xk_place in "$xk_dir/j"*; do
    xk_id=${xk_place##*/j}
    xk_recall "$xk_id"
    [ -f "$xk_file" ] || continue
    if [ -z "$xk_ended" ] && { [ -z "$xk_pid" ] || ! xk_lives "$xk_pid"; }; then
      [ "$xk_waited" ] || sleep 0.5
      xk_waited=yes
      xk_recall "$xk_id"
    fi
    if [ "$xk_ended" = unseen ]; then
      xk_say "vanished $xk_id"
    elif [ "$xk_ended" ]; then
      xk_say "ended $xk_id $xk_ended"
    elif [ "$xk_pid" ] && xk_lives "$xk_pid"; then
      xk_say "started $xk_id $xk_pid"
    else
      xk_say "vanished $xk_id"
    fi
  done
  xk_say listed
}

# Check that the necessary commands exist.
xk_require() {
  xk_lacking=''
  for xk_word in cat grep mkdir mkfifo mv rm sleep; do
    command -v "$xk_word" >/dev/null || xk_lacking="$xk_lacking $xk_word"
  done
  [ -z "$xk_lacking" ] || {
    echo "room lacking$xk_lacking"
    exit 1
  }
}

# Print what identifies the current boot of the machine, or start of the container.
xk_start_of_all() {
  read -r xk_boot </proc/sys/kernel/random/boot_id
  read -r xk_line </proc/1/stat
  set -- ${xk_line##*) }
  echo "$xk_boot ${20}"
}

# Close the records of an earlier boot: their jobs have ended, and other processes may have their numbers by now.
xk_close_records() {
  for xk_place in "$xk_dir/j"*; do
    xk_recall "${xk_place##*/j}"
    [ ! -f "$xk_file" ] || [ "$xk_ended" ] || echo "ended unseen" >>"$xk_file"
  done
}

# Create or reopen the directory of the records. Its name is secret until it exists; an existing one is used only if it is our own.
xk_enter() {
  xk_dir=${TMPDIR:-/tmp}/xenon-$(id -u)-$xk_key
  xk_room=new
  if [ -d "$xk_dir" ] && [ -O "$xk_dir" ] && [ ! -h "$xk_dir" ] && [ -p "$xk_dir/events" ]; then
    xk_room=old
    read -r xk_old <"$xk_dir/keeper"
    read -r xk_boot <"$xk_dir/boot"
    if [ "$xk_boot" != "$(xk_start_of_all)" ]; then
      xk_close_records
      xk_old=''
    fi
    kill -s KILL $xk_old
    # Wait until the old keeper is dead: its reader of the pipe could swallow one more event.
    xk_tries=0
    for xk_pid in $xk_old; do
      while xk_lives "$xk_pid" && [ "$xk_tries" -lt 50 ]; do
        xk_tries=$((xk_tries + 1))
        sleep 0.01
      done
    done
  elif ! xk_error=$(mkdir -m 700 "$xk_dir" 2>&1); then
    echo "room none $xk_error"
    exit 1
  elif ! xk_error=$(mkfifo -m 600 "$xk_dir/events" 2>&1); then
    rm -rf "$xk_dir"
    echo "room none $xk_error"
    exit 1
  fi
  xk_start_of_all >"$xk_dir/boot"
  exec 8<>"$xk_dir/events"
  cat <"$xk_dir/events" 8>&- &
  xk_pump=$!
  echo "$$ $xk_pump" >"$xk_dir/keeper"
  exec >/dev/null
  xk_say "room $xk_room $xk_dir"
  [ "$xk_room" = new ] || xk_tell_all
}

# Find out how to give a program its own process group, and how to restore the signals that a shell without job control ignores in
# background processes.
xk_prepare() {
  xk_setsid=$(command -v setsid) xk_env=$(command -v env) xk_monitor='' xk_bash=''
  xk_with="$xk_env --"
  xk_then="$(command -v nice) -n 0 --"
  if [ "$BASH_VERSION" ]; then
    set +o posix # in POSIX mode a trap interrupts every wait
    xk_bash=$((128 + $(kill -l CHLD)))
  fi
  set -m # dash refuses without a terminal, but not in a subshell
  case $- in
    *m*)
      xk_monitor=yes
      xk_bare=--
      return
      ;;
  esac
  if "$xk_env" --default-signal=INT true; then
    xk_with="$xk_env --default-signal=INT,QUIT --"
  elif xk_perl=$(command -v perl); then
    xk_with="$xk_perl -e \$SIG{INT}=\$SIG{QUIT}='DEFAULT';exec{\$ARGV[0]}@ARGV;exit(127) $xk_env --"
  fi
  [ -z "$xk_setsid" ] || xk_then="$xk_setsid --"
  xk_bare="$xk_with $xk_then"
}

xk_leave() {
  xk_end ''
  xk_say bye
  mv "$xk_dir" "$xk_dir.gone" && rm -rf "$xk_dir.gone"
  exec 8>&-
  wait "$xk_pump"
  exit 0
}

# Read the next $1 lines. Collect them in small parts, since a shell copies the whole variable whenever it appends.
xk_script() {
  xk_text='' xk_part=''
  while [ "$1" -gt 0 ]; do
    IFS= read -r xk_line
    xk_part="$xk_part$xk_line
"
    set -- "$(($1 - 1))"
    case $1 in
      *[05]0 | 0)
        xk_text=$xk_text$xk_part
        xk_part=''
        ;;
    esac
  done
}

exec 2>/dev/null
xk_require
xk_enter
xk_prepare
while read -r xk_word xk_id xk_rest; do
  jobs >/dev/null # reaps ended children
  case $xk_word in
    start)
      xk_script "$xk_rest"
      : >"$xk_dir/j$xk_id"
      xk_run "$xk_id" "$xk_text" </dev/null &
      echo "runner $!" >>"$xk_dir/j$xk_id"
      ;;
    adopt) : >>"$xk_dir/j$xk_id" ;;
    recall)
      xk_recall "$xk_id"
      xk_say "recalled $xk_id $xk_stopped"
      ;;
    look) xk_look </dev/null & ;;
    end) xk_end_one "$xk_id" </dev/null & ;;
    forget) (cd "$xk_dir" && rm -f "$xk_id" $xk_rest) ;;
    bye) xk_leave ;;
  esac
done
if [ "$xk_lease" -gt 0 ]; then
  sleep "$xk_lease" 8>&- &
  echo "$$ $xk_pump $!" >"$xk_dir/keeper"
  wait $!
fi
xk_leave
