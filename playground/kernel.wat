;; Rows of x times a matrix [outputs, inputs], in float32, four numbers at once.
;; Addresses are in bytes; rows, outputs and inputs are counts. inputs must be a multiple of four.
(module
  (memory (export "memory") 1)

  ;; The sum of four numbers.
  (func $sum (param $v v128) (result f32)
    (f32.add
      (f32.add (f32x4.extract_lane 0 (local.get $v)) (f32x4.extract_lane 1 (local.get $v)))
      (f32.add (f32x4.extract_lane 2 (local.get $v)) (f32x4.extract_lane 3 (local.get $v)))))

  ;; One row by one output.
  (func $dot (param $x i32) (param $w i32) (param $width i32) (result f32)
    (local $end i32) (local $a v128)
    (local.set $end (i32.add (local.get $x) (local.get $width)))
    (loop $next
      (local.set $a (f32x4.add (local.get $a)
        (f32x4.mul (v128.load (local.get $x)) (v128.load (local.get $w)))))
      (local.set $x (i32.add (local.get $x) (i32.const 16)))
      (local.set $w (i32.add (local.get $w) (i32.const 16)))
      (br_if $next (i32.lt_u (local.get $x) (local.get $end))))
    (call $sum (local.get $a)))

  ;; Four rows by two outputs: each weight is read once for four rows. $step: bytes of a row of
  ;; outputs, $width: bytes of a row of inputs.
  (func $tile (param $x i32) (param $w i32) (param $out i32) (param $width i32) (param $step i32)
    (local $y i32) (local $z i32) (local $t i32) (local $u i32) (local $end i32)
    (local $one v128) (local $two v128) (local $v v128)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (local $e v128) (local $f v128) (local $g v128) (local $h v128)
    (local.set $y (i32.add (local.get $x) (local.get $width)))
    (local.set $z (i32.add (local.get $y) (local.get $width)))
    (local.set $t (i32.add (local.get $z) (local.get $width)))
    (local.set $u (i32.add (local.get $w) (local.get $width)))
    (local.set $end (local.get $y))
    (loop $next
      (local.set $one (v128.load (local.get $w)))
      (local.set $two (v128.load (local.get $u)))
      (local.set $v (v128.load (local.get $x)))
      (local.set $a (f32x4.add (local.get $a) (f32x4.mul (local.get $v) (local.get $one))))
      (local.set $b (f32x4.add (local.get $b) (f32x4.mul (local.get $v) (local.get $two))))
      (local.set $v (v128.load (local.get $y)))
      (local.set $c (f32x4.add (local.get $c) (f32x4.mul (local.get $v) (local.get $one))))
      (local.set $d (f32x4.add (local.get $d) (f32x4.mul (local.get $v) (local.get $two))))
      (local.set $v (v128.load (local.get $z)))
      (local.set $e (f32x4.add (local.get $e) (f32x4.mul (local.get $v) (local.get $one))))
      (local.set $f (f32x4.add (local.get $f) (f32x4.mul (local.get $v) (local.get $two))))
      (local.set $v (v128.load (local.get $t)))
      (local.set $g (f32x4.add (local.get $g) (f32x4.mul (local.get $v) (local.get $one))))
      (local.set $h (f32x4.add (local.get $h) (f32x4.mul (local.get $v) (local.get $two))))
      (local.set $x (i32.add (local.get $x) (i32.const 16)))
      (local.set $y (i32.add (local.get $y) (i32.const 16)))
      (local.set $z (i32.add (local.get $z) (i32.const 16)))
      (local.set $t (i32.add (local.get $t) (i32.const 16)))
      (local.set $w (i32.add (local.get $w) (i32.const 16)))
      (local.set $u (i32.add (local.get $u) (i32.const 16)))
      (br_if $next (i32.lt_u (local.get $x) (local.get $end))))
    (f32.store (local.get $out) (call $sum (local.get $a)))
    (f32.store offset=4 (local.get $out) (call $sum (local.get $b)))
    (local.set $out (i32.add (local.get $out) (local.get $step)))
    (f32.store (local.get $out) (call $sum (local.get $c)))
    (f32.store offset=4 (local.get $out) (call $sum (local.get $d)))
    (local.set $out (i32.add (local.get $out) (local.get $step)))
    (f32.store (local.get $out) (call $sum (local.get $e)))
    (f32.store offset=4 (local.get $out) (call $sum (local.get $f)))
    (local.set $out (i32.add (local.get $out) (local.get $step)))
    (f32.store (local.get $out) (call $sum (local.get $g)))
    (f32.store offset=4 (local.get $out) (call $sum (local.get $h))))

  ;; All rows and outputs: tiles where they fit, single products for the rest.
  (func (export "linear") (param $x i32) (param $w i32) (param $out i32)
    (param $rows i32) (param $outputs i32) (param $inputs i32)
    (local $width i32) (local $step i32) (local $row i32) (local $o i32) (local $tall i32)
    (local $from i32) (local $to i32) (local $k i32)
    (local.set $width (i32.shl (local.get $inputs) (i32.const 2)))
    (local.set $step (i32.shl (local.get $outputs) (i32.const 2)))
    (block $done
      (loop $rows
        (br_if $done (i32.ge_u (local.get $row) (local.get $rows)))
        (local.set $tall (i32.le_u (i32.add (local.get $row) (i32.const 4)) (local.get $rows)))
        (local.set $o (i32.const 0))
        (block $across
          (loop $outputs
            (br_if $across (i32.ge_u (local.get $o) (local.get $outputs)))
            (local.set $from (i32.add (local.get $w) (i32.mul (local.get $o) (local.get $width))))
            (local.set $to (i32.add (local.get $out) (i32.shl (local.get $o) (i32.const 2))))
            (if (i32.and (local.get $tall)
                  (i32.lt_u (i32.add (local.get $o) (i32.const 1)) (local.get $outputs)))
              (then
                (call $tile (local.get $x) (local.get $from) (local.get $to) (local.get $width)
                  (local.get $step))
                (local.set $o (i32.add (local.get $o) (i32.const 2))))
              (else
                (local.set $k (i32.const 0))
                (loop $each
                  (f32.store
                    (i32.add (local.get $to) (i32.mul (local.get $k) (local.get $step)))
                    (call $dot
                      (i32.add (local.get $x) (i32.mul (local.get $k) (local.get $width)))
                      (local.get $from) (local.get $width)))
                  (local.set $k (i32.add (local.get $k) (i32.const 1)))
                  (br_if $each (i32.and (local.get $tall)
                    (i32.lt_u (local.get $k) (i32.const 4)))))
                (local.set $o (i32.add (local.get $o) (i32.const 1)))))
            (br $outputs)))
        (local.set $k (select (i32.const 4) (i32.const 1) (local.get $tall)))
        (local.set $row (i32.add (local.get $row) (local.get $k)))
        (local.set $x (i32.add (local.get $x) (i32.mul (local.get $k) (local.get $width))))
        (local.set $out (i32.add (local.get $out) (i32.mul (local.get $k) (local.get $step))))
        (br $rows)))))
