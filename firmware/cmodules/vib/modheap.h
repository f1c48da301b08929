/*
 * vib.settle(): after a collection, have MicroPython look for room where there is some. It begins to look at the first
 * block that may be free, and only what takes a single block moves that on; so after a collection each frame of a call
 * that does not fit on the stack is looked for from the bottom of the heap on, past all that is in use, until enough
 * single blocks were taken. This takes them: until they lie one behind the other, where the heap is empty. They are in
 * use by nobody, and the next collection has them back. Included by modvib.h.
 */
enum {
    BLOCK_WORDS = 4,
    MOST_BLOCKS = 2048,
    IN_A_ROW = 32 /* of holes of one block, so many do not follow each other by chance */
};

static mp_obj_t vib_settle(void)
{
    const uint8_t *before = NULL;
    size_t block_bytes = BLOCK_WORDS * sizeof(mp_uint_t), in_a_row = 0;
    for (size_t i = 0; i < MOST_BLOCKS && in_a_row < IN_A_ROW; i++) {
        const uint8_t *block = m_malloc(block_bytes);
        in_a_row = before != NULL && block == before + block_bytes ? in_a_row + 1 : 0;
        before = block;
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(vib_settle_obj, vib_settle);
