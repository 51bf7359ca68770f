#!/bin/sh
# Downloads data sets to a directory, and checks the SHA-256 of the published files.
#
# usage: data/fetch.sh DIR [mnist|fashion-mnist|cifar10|cifar100 ...]      (without names: mnist)
#
#   mnist          DIR/mnist/*.gz
#   fashion-mnist  DIR/fashion-mnist/*.gz      (train with --data DIR/fashion-mnist)
#   cifar10        DIR/cifar-10-batches-bin/*.bin
#   cifar100       DIR/cifar-100-binary/*.bin
#
# Existing files with the right checksum are not downloaded again; an interrupted download is continued. A
# file with a wrong checksum is removed. NEUROGAIN_MIRROR=URL downloads every file from URL/NAME instead of
# the original address; the checksums stay the same. Needs curl, and sha256sum or shasum.
set -eu

MNIST=https://ossci-datasets.s3.amazonaws.com/mnist
FASHION=http://fashion-mnist.s3-website.eu-central-1.amazonaws.com
CIFAR=https://www.cs.toronto.edu/~kriz

fail() {
    echo "fetch.sh: $*" >&2
    exit 1
}

usage() {
    echo "usage: fetch.sh DIR [mnist|fashion-mnist|cifar10|cifar100 ...]" >&2
    exit 2
}

sha256() {
    if command -v sha256sum >/dev/null; then
        sha256sum <"$1" | cut -d ' ' -f 1
    elif command -v shasum >/dev/null; then
        shasum -a 256 <"$1" | cut -d ' ' -f 1
    else
        fail "neither sha256sum nor shasum is there to check with"
    fi
}

# is FILE CHECKSUM: whether the file is there and has this checksum.
is() {
    [ -f "$1" ] && [ "$(sha256 "$1")" = "$2" ]
}

# fetch HOME NAME FOLDER CHECKSUM: FOLDER/NAME.
fetch() {
    target=$3/$2
    if is "$target" "$4"; then
        echo "$target: there already"
        return
    fi
    mkdir -p "$3"
    if ! is "$target.part" "$4"; then
        url=${NEUROGAIN_MIRROR:-$1}/$2
        echo "$target: from $url"
        code=0
        curl --fail --location --show-error --silent --retry 3 -C - -o "$target.part" "$url" || code=$?
        # 33 and 36: the server, or what is there already, does not let it go on; then from the beginning.
        if [ "$code" -eq 33 ] || [ "$code" -eq 36 ]; then
            rm -f "$target.part"
            code=0
            curl --fail --location --show-error --silent --retry 3 -o "$target.part" "$url" || code=$?
        fi
        [ "$code" -eq 0 ] || fail "$url: not fetched; run this again to go on where it stopped"
    fi
    found=$(sha256 "$target.part")
    if [ "$found" != "$4" ]; then
        rm -f "$target.part"
        fail "$target: wrong checksum, removed: SHA-256 $found, right is $4"
    fi
    mv -f "$target.part" "$target"
}

# unpacked FOLDER CHECKSUM NAME ...: whether every file is there and right.
unpacked() {
    in=$1
    shift
    while [ $# -gt 0 ]; do
        is "$in/$2" "$1" || return 1
        shift 2
    done
}

# archive NAME CHECKSUM FOLDER CHECKSUM NAME ...: DIR/FOLDER with these files, from DIR/NAME.
archive() {
    name=$1
    checksum=$2
    folder=$directory/$3
    shift 3
    if unpacked "$folder" "$@"; then
        echo "$folder: there already"
        return
    fi
    fetch $CIFAR "$name" "$directory" "$checksum"
    tar -xzf "$directory/$name" -C "$directory" || fail "$directory/$name: cannot be unpacked"
    unpacked "$folder" "$@" || fail "$folder: wrong checksums after unpacking $directory/$name"
    rm -f "$directory/$name"
}

mnist() {
    to=$directory/mnist
    fetch $MNIST train-images-idx3-ubyte.gz "$to" 440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609
    fetch $MNIST train-labels-idx1-ubyte.gz "$to" 3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c
    fetch $MNIST t10k-images-idx3-ubyte.gz "$to" 8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6
    fetch $MNIST t10k-labels-idx1-ubyte.gz "$to" f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6
}

fashion_mnist() {
    to=$directory/fashion-mnist
    fetch $FASHION train-images-idx3-ubyte.gz "$to" 3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84
    fetch $FASHION train-labels-idx1-ubyte.gz "$to" a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845
    fetch $FASHION t10k-images-idx3-ubyte.gz "$to" 346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073
    fetch $FASHION t10k-labels-idx1-ubyte.gz "$to" 67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5
}

cifar10() {
    archive cifar-10-binary.tar.gz c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd \
        cifar-10-batches-bin \
        cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5 data_batch_1.bin \
        a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed data_batch_2.bin \
        bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67 data_batch_3.bin \
        014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48 data_batch_4.bin \
        755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add data_batch_5.bin \
        8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b test_batch.bin
}

cifar100() {
    archive cifar-100-binary.tar.gz 58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec \
        cifar-100-binary \
        f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29 train.bin \
        d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a test.bin
}

[ $# -ge 1 ] || usage
case $1 in -*) usage ;; esac
directory=$1
shift
[ $# -gt 0 ] || set -- mnist
# Names first: a slip of the pen in the last should not be told after an hour of fetching.
for name in "$@"; do
    case $name in
    mnist | fashion-mnist | cifar10 | cifar100) ;;
    *)
        echo "fetch.sh: unknown data set $name" >&2
        usage
        ;;
    esac
done
command -v curl >/dev/null || fail "curl is needed to fetch with"
for name in "$@"; do
    case $name in
    mnist) mnist ;;
    fashion-mnist) fashion_mnist ;;
    cifar10) cifar10 ;;
    cifar100) cifar100 ;;
    esac
done
